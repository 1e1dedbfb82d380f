/** Builds this example with the clone's packages, runs its tests, and migrates a guest with it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const root = join(here, '../..');

if (!hasCargo()) {
  console.log('SKIPPED: no cargo on this machine');
} else {
  for (const [name, folder] of [
    ['@multifd/core', 'packages/core'],
    ['@multifd/conformance', 'packages/conformance'],
  ]) {
    const link = join(here, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(join(root, folder), link, 'junction');
  }
  const ours = createRequire(join(root, 'packages/accel-native/package.json'));
  const napi = ours.resolve('@napi-rs/cli/package.json');
  const options = ['--platform', '--release', '--esm', '--js', 'binding.js', '--dts', 'binding.d.ts'];
  // What napi-rs consists of is compiled there already.
  node({ CARGO_TARGET_DIR: join(root, 'target') }, join(dirname(napi), 'dist/cli.js'), 'build', ...options);
  node({}, '--test', 'test/*.test.js');
  const cli = join(root, 'apps/cli/dist/cli.js');
  node({}, cli, 'migrate', 'demo:64M,zero=0.5,populate', '--accel', '.:depth=4,fault-every=100');
}

function node(env, ...args) {
  execFileSync(process.execPath, args, { cwd: here, env: { ...process.env, ...env }, stdio: 'inherit' });
}

function hasCargo() {
  try {
    execFileSync('cargo', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
