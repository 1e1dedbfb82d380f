/**
 * Runs the built packages on other lines of Node than the workspace's own. A Node comes as npm's package `node`.
 *
 *   node scripts/nodes/run.mjs 20 22.0.0 22 24     needs `dist` of the packages; `native` too for all of it
 *
 * On each: imports every export of every package, moves a guest by core alone, and migrates by the command, every byte
 * compared; over TLS to and from the Node that runs this. On one that is too old for a package, or for the command: that it
 * says so in one line. A fault ends it with code 1. What cannot be run here is said.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOf } from '../release/nodes.mjs';
import { accepts, checkCommandRefuses, checkImport } from './floor.mjs';
import { migrateOverTls } from './tls.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'apps/cli/dist/cli.js');
/** ms that one command may take; it takes a second or two. */
const PATIENCE = 600_000;

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

function manifestOf(home) {
  return JSON.parse(readFileSync(join(ROOT, home, 'package.json'), 'utf8'));
}

/** @returns the packages that this Node is too old for. */
function importAll(node, version) {
  const refused = [];
  for (const each of readdirSync(join(ROOT, 'packages'))) {
    const { name, private: isPrivate, exports, engines } = manifestOf(`packages/${each}`);
    if (isPrivate) continue;
    for (const [entry, { default: file }] of Object.entries(exports)) {
      if (file === undefined) continue;
      const specifier = join(ROOT, 'packages', each, file);
      const what = { name, specifier, isMain: entry === '.', range: engines.node };
      if (!checkImport({ node, version, cwd: folder, ...what })) refused.push(name);
    }
  }
  return refused;
}

async function runOn(node) {
  const run = (...args) => execFileSync(node, args, { encoding: 'utf8', timeout: PATIENCE, cwd: folder });
  const version = run('--version').trim();
  const refused = importAll(node, version.slice(1));
  console.log(
    `${version}: every package imports${refused.length > 0 ? `, or says why not: ${refused}` : ''}`,
  );
  if (!refused.includes('@multifd/core')) {
    const packages = ['core', 'accel-js'].map((name) => join(ROOT, 'packages', name, 'dist/index.js'));
    const moved = run(join(ROOT, 'scripts/nodes/move.mjs'), ...packages);
    if (moved.trim() !== 'completed hello') throw new Error(`${version}: core moved a guest: ${moved}`);
    console.log(`${version}: core alone moves a guest`);
  }
  if (!accepts(manifestOf('apps/cli').engines.node, version)) {
    const command = () => [node, [CLI, 'migrate']];
    checkCommandRefuses({ node, version: version.slice(1), cwd: folder, command });
    console.log(`${version}: the command says which Node it needs`);
    return;
  }
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
