/** What is published, and from where. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns the packages of the workspace at `root` that are published, each after those that it needs. */
export function publishedPackages(root) {
  const folders = ['packages', 'apps'].flatMap((below) =>
    readdirSync(join(root, below)).map((name) => `${below}/${name}`),
  );
  const all = new Map();
  for (const folder of folders) {
    const manifest = readManifest(join(root, folder));
    if (manifest.private !== true) all.set(manifest.name, { folder, manifest });
  }
  const sorted = new Set();
  const add = (name) => {
    const found = all.get(name);
    if (found === undefined || sorted.has(found)) return;
    for (const needed of Object.keys({ ...found.manifest.dependencies, ...found.manifest.peerDependencies }))
      add(needed);
    sorted.add(found);
  };
  for (const name of [...all.keys()].sort()) add(name);
  return [...sorted];
}

export function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** By Rust's name of a target: what npm compares with the machine, and the end of the addon's name. */
export const PLATFORMS = {
  'x86_64-unknown-linux-gnu': { suffix: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  'x86_64-unknown-linux-musl': { suffix: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  'aarch64-unknown-linux-gnu': { suffix: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'aarch64-unknown-linux-musl': { suffix: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  'aarch64-apple-darwin': { suffix: 'darwin-arm64', os: 'darwin', cpu: 'arm64' },
  'x86_64-apple-darwin': { suffix: 'darwin-x64', os: 'darwin', cpu: 'x64' },
  'x86_64-pc-windows-msvc': { suffix: 'win32-x64-msvc', os: 'win32', cpu: 'x64' },
};
