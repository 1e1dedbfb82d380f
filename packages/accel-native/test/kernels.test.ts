import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadBinding } from '../src/load.js';

const built = 'binding' in loadBinding();
const root = fileURLToPath(new URL('..', import.meta.url));

/** What the harness of the kernel crate says of each kernel: `ok`, or `ignored` and why. */
function crateTests(): Map<string, string> {
  const args = ['test', '--locked', '--release', '--quiet', '-p', 'multifd-zero-kernel', '--test', 'kernels'];
  const output = execFileSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Map(
    [...output.matchAll(/^test (\w+) \.\.\. (.*)$/gm)].map(([, name = '', said = '']) => [name, said]),
  );
}

// Against scalar, in Rust, with every alignment: what cannot run is shown as skipped here too.
describe.skipIf(!built || !hasCargo())('the kernel crate', () => {
  const said = built && hasCargo() ? crateTests() : new Map<string, string>();
  for (const name of ['faults', 'scalar', 'sse2', 'avx2', 'avx512', 'neon']) {
    const outcome = said.get(name) ?? 'not there';
    test.skipIf(outcome.startsWith('ignored'))(`${name}: ${outcome}`, () => {
      expect(outcome).toBe('ok');
    });
  }
});

function hasCargo(): boolean {
  try {
    execFileSync('cargo', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
