import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { built } from './support/addon.js';

const NATIVE = fileURLToPath(new URL('../native/', import.meta.url));
const CORE = new URL('../../core/dist/host.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'multifd-cut-'));
const addon = built ? (readdirSync(NATIVE).find((name) => name.endsWith('.node')) ?? '') : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loads the addon that lies in `folder` in a process of its own, which a SIGBUS would end. */
function load(setUp = '') {
  const script = `
    import { loadAddon } from ${JSON.stringify(CORE)};
    ${setUp}
    const { binding, reason, fix } = loadAddon({
      from: ${JSON.stringify(pathToFileURL(join(folder, 'dist', 'index.js')).href)},
      binary: 'multifd-host',
      packageName: '@multifd/host-linux',
      isBinding: (value) => typeof value?.mapMemory === 'function',
    });
    console.log(JSON.stringify({ loaded: binding !== undefined, reason, fix }));`;
  const { signal, status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  return { signal, status, stderr, answer: stdout === '' ? undefined : JSON.parse(stdout) };
}

describe.skipIf(!built)('an addon as a copy or an installation may have left it', () => {
  const path = join(folder, 'native', addon);
  const whole = () => {
    mkdirSync(join(folder, 'native'), { recursive: true });
    copyFileSync(join(NATIVE, addon), path);
  };

  test('whole: it is loaded', () => {
    whole();
    expect(load()).toMatchObject({ signal: null, status: 0, answer: { loaded: true } });
  });

  test.each([0, 63, 4095, 4096, 65536, 300_000, -1])('cut to %i bytes: one line and the remedy', (size) => {
    whole();
    truncateSync(path, size < 0 ? statSync(path).size + size : size);
    const { signal, status, stderr, answer } = load();
    expect({ signal, status, stderr }).toEqual({ signal: null, status: 0, stderr: '' });
    expect(answer).toMatchObject({ loaded: false, fix: expect.stringContaining('build it again') });
    // Without a header it is the system's loader that says what is wrong.
    if (size < 0 || size >= 64) {
      expect(answer.reason).toMatch(/cannot be loaded: .*\.node is cut short: it has \d+ bytes of \d+$/);
      expect(answer.fix).toMatch(/^build it again on this machine: install Rust/);
    }
  });

  // As a file system leaves a copy of which not all was on the disk when the power went.
  test.each([0.1, 0.5, 0.9, 0.999])('zeros from %d of it on: one line and the remedy', (share) => {
    whole();
    const { size } = statSync(path);
    truncateSync(path, Math.floor(size * share));
    truncateSync(path, size);
    const { signal, status, stderr, answer } = load();
    expect({ signal, status, stderr }).toEqual({ signal: null, status: 0, stderr: '' });
    expect(answer).toMatchObject({ loaded: false, fix: expect.stringMatching(/^build it again/) });
    expect(answer.reason).toMatch(/\.node is cut short: its end is zeros$/);
  });
});

test('nobody is asked for the report of the process, which waits for name servers and for other threads', () => {
  const setUp = `process.report.getReport = () => { throw new Error('it asked for the report'); };`;
  expect(load(setUp)).toMatchObject({ signal: null, status: 0, stderr: '' });
});
