/**
 * Builds the addon of the package that it is run in, for this machine, into `native/`, where the package looks first.
 * Cargo knows what is stale.
 *
 * Without a Rust toolchain, or without the crates and their registry, it says so in one line and succeeds: the rest
 * of the workspace builds, and the package says why it cannot run. Code that does not compile is an error.
 *
 *   MULTIFD_NATIVE=required   a missing toolchain is an error too (continuous integration, releases)
 *   MULTIFD_NATIVE=skip       as on a machine without Rust
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = process.cwd();
const name = basename(JSON.parse(readFileSync('package.json', 'utf8')).name);
const wish = process.env.MULTIFD_NATIVE ?? '';

const run = (command, args, stdio = 'pipe') =>
  spawnSync(command, args, { cwd: root, stdio, encoding: 'utf8', shell: process.platform === 'win32' });

/** Why it cannot be built here; undefined if it can. */
function obstacle() {
  if (wish === 'skip') return 'MULTIFD_NATIVE=skip';
  if (run('cargo', ['--version']).status !== 0) return 'no Rust toolchain (cargo)';
  // What is there already needs no network.
  if (run('cargo', ['fetch', '--locked', '--offline']).status === 0) return undefined;
  const fetched = run('cargo', ['fetch', '--locked']);
  if (fetched.status === 0) return undefined;
  // Cargo tells first what it is about to do, then the error, then what caused it, the last one being the cause of all.
  const lines = fetched.stderr.split('\n').map((line) => line.trim());
  const error = lines.find((line) => line.startsWith('error: '))?.slice('error: '.length);
  const cause = lines[lines.lastIndexOf('Caused by:') + 1];
  const why = lines.includes('Caused by:') ? `${error} (${cause})` : error;
  return `the crates did not come: ${why ?? `cargo fetch ended with ${fetched.status}`}`;
}

const reason = obstacle();
if (reason === undefined) {
  const napi = join(root, 'node_modules/.bin/napi');
  const args = ['build', '--platform', '--release', '--no-js', '--output-dir', 'native'];
  const manifest = ['--manifest-path', 'crates/binding/Cargo.toml'];
  const built = run(
    napi,
    [...args, ...manifest, '--', '--locked', '--quiet'],
    ['ignore', 'ignore', 'inherit'],
  );
  process.exitCode = built.status ?? 1;
} else {
  // An addon of an earlier build must not answer for this one.
  rmSync('native', { recursive: true, force: true });
  const message = `${name}: not built, ${reason}; everything else works without it`;
  console.log(message);
  if (wish === 'required') process.exitCode = 1;
}
