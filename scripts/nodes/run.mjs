/**
 * Runs the built packages on other lines of Node than the workspace's own. A Node comes as npm's package `node`.
 *
 *   node scripts/nodes/run.mjs 22 24     needs `dist` of the packages; `native` too for all of it
 *
 * On each: imports every export of every package, and migrates by the command, every byte compared; over TLS to and from
 * the Node that runs this. A fault ends it with code 1. What cannot be run here is said.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOf } from '../release/nodes.mjs';
import { migrateOverTls } from './tls.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'apps/cli/dist/cli.js');
/** ms that one command may take; it takes a second or two. */
const PATIENCE = 120_000;

const hasHost =
  process.platform === 'linux' &&
  existsSync(join(ROOT, 'packages/host-linux/native')) &&
  readdirSync(join(ROOT, 'packages/host-linux/native')).some((name) => name.endsWith('.node'));
const hasCodecs = existsSync(join(ROOT, 'packages/codec-native/native'));

const MIGRATIONS = [
  { needs: true, args: ['demo:64M,zero=0.5,dirty=8M', '--host', 'none'] },
  { needs: true, args: ['demo:64M,zero=0.5', '--host', 'none', '--accel', 'js', '--channels', '4'] },
  { needs: true, args: ['demo:64M,zero=0.5', '--host', 'none', '--accel', 'wasm'] },
  { needs: hasHost, args: ['demo:64M,zero=0.5,dirty=8M', '--host', 'linux'] },
  { needs: hasCodecs, args: ['demo:32M,fill=text', '--multifd-compression', 'zlib'] },
  { needs: hasCodecs, args: ['demo:32M,fill=text', '--multifd-compression', 'zstd'] },
];

const folder = mkdtempSync(join(tmpdir(), 'multifd-nodes-'));
try {
  for (const line of process.argv.slice(2)) await runOn(nodeOf(line, join(folder, line)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runOn(node) {
  const run = (...args) => execFileSync(node, args, { encoding: 'utf8', timeout: PATIENCE, cwd: folder });
  const version = run('--version').trim();
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const home = join(ROOT, 'packages', name);
    const { private: isPrivate, exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    if (isPrivate) continue;
    for (const { default: file } of Object.values(exports)) {
      if (file !== undefined)
        run('--input-type=module', '-e', `await import(${JSON.stringify(join(home, file))})`);
    }
  }
  console.log(`${version}: every package imports`);
  for (const { needs, args } of MIGRATIONS) {
    const what = `${version}: migrate ${args.join(' ')}`;
    if (!needs) {
      console.log(`${what}: SKIPPED, its machine code is not built here`);
      continue;
    }
    const { status, verified } = JSON.parse(run(CLI, 'migrate', ...args, '--json'));
    if (status !== 'completed' || verified !== true)
      throw new Error(`${what}: ${status}, verified ${verified}`);
    console.log(`${what}: completed and verified`);
  }
  const own = process.execPath;
  for (const [source, destination] of [
    [node, own],
    [own, node],
  ]) {
    const to = source === own ? `${process.version} to ${version}` : `${version} to ${process.version}`;
    const tlsFolder = join(folder, `tls-${version}-${source === own ? 'to' : 'from'}`);
    const what = await migrateOverTls({
      source,
      destination,
      cli: CLI,
      folder: tlsFolder,
      patience: PATIENCE,
    });
    console.log(`${to}: over TLS with ${what}: completed and verified`);
  }
}
