/**
 * Builds the addon for this machine into `native/`, where `src/load.ts` looks first. Cargo knows what is stale.
 *
 * Without a Rust toolchain, or without the crates and their registry, it says so in one line and succeeds: the rest
 * of the workspace builds and `auto` takes another accelerator. Code that does not compile is an error.
 *
 *   MULTIFD_NATIVE=required   a missing toolchain is an error too (continuous integration, releases)
 *   MULTIFD_NATIVE=skip       as on a machine without Rust
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
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
  const napi = fileURLToPath(new URL('../node_modules/.bin/napi', import.meta.url));
  const args = ['build', '--platform', '--release', '--no-js', '--output-dir', 'native'];
  const manifest = ['--manifest-path', 'crates/binding/Cargo.toml', '--target-dir', 'target'];
  const built = run(
    napi,
    [...args, ...manifest, '--', '--locked', '--quiet'],
    ['ignore', 'ignore', 'inherit'],
  );
  process.exitCode = built.status ?? 1;
} else {
  // An addon of an earlier build must not answer for this one.
  rmSync(new URL('../native', import.meta.url), { recursive: true, force: true });
  const message = `accel-native: not built, ${reason}; everything else works without it`;
  console.log(message);
  if (wish === 'required') process.exitCode = 1;
}
