import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, start, withoutDawn } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/custom-accelerator', import.meta.url));

const known = await knownAccelerators().list();

describe('each accelerator does the main job, or says why not', () => {
  for (const { reference, probe } of known) {
    const { name } = reference;
    const title = probe.ok ? `${name}: verified` : `${name}: exit code 3, ${probe.reason}`;
    it(title, async () => {
      const { code, stdout, stderr } = await run(['migrate', 'demo:16M', '--accel', name, '--json']);
      const answer = JSON.parse(stdout);
      if (probe.ok) {
        expect({ code, stderr: withoutDawn(stderr) }).toEqual({ code: 0, stderr: '' });
        expect(answer).toMatchObject({ verified: true, accelerator: { name, requested: name, refused: [] } });
        return;
      }
      expect(code).toBe(3);
      expect(stderr).toContain(probe.reason);
      expect(stderr).toContain(probe.fix);
    });
  }

  it('the example, by path', async () => {
    const { code, stdout } = await run(['migrate', 'demo:16M', '--accel', EXAMPLE, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, accelerator: { name: 'example-offload' } });
  });

  it('the example, by package name', async () => {
    const cwd = tempDirectory();
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(EXAMPLE, join(cwd, 'node_modules', 'multifd-custom-accelerator'));
    const name = 'multifd-custom-accelerator';
    const { code, stdout } = await run(['migrate', 'demo:16M', '--accel', name, '--json'], { cwd });
    expect(code).toBe(0);
    const accelerator = { name: 'example-offload', requested: name };
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, accelerator });
  });

  it('MULTIFD_ACCEL decides where --accel does not', async () => {
    const env = { ...process.env, MULTIFD_ACCEL: 'wasm-scalar' };
    const named = async (args: readonly string[]) => {
      const { stdout } = await run(['migrate', 'demo:4M', '--json', ...args], { env });
      return JSON.parse(stdout).accelerator;
    };
    expect(await named([])).toMatchObject({ name: 'wasm-scalar', requested: 'wasm-scalar' });
    expect(await named(['--accel', 'js'])).toMatchObject({ name: 'js', requested: 'js' });
  });
});

describe('accel', () => {
  it('list shows all of it, and what auto would take', async () => {
    const { code, stdout, stderr } = await run(['accel', 'list', '--json']);
    expect({ code, stderr: withoutDawn(stderr) }).toEqual({ code: 0, stderr: '' });
    const { auto, accelerators } = JSON.parse(stdout);
    expect(accelerators).toHaveLength(known.length);
    expect(accelerators).toContainEqual(
      expect.objectContaining({ name: auto, available: true, automatic: true }),
    );
    expect(accelerators).toContainEqual(
      expect.objectContaining({
        available: false,
        reason: expect.stringMatching(/./),
        fix: expect.stringMatching(/./),
      }),
    );
    const table = await run(['accel', 'list']);
    expect(table.stdout).toMatch(/<- auto/);
  });

  it('bench measures each over six memories, beside plain reading', async () => {
    const { code, stdout } = await run(['accel', 'bench', '--samples', '1', '--json', '--accel', EXAMPLE]);
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results).toHaveLength(6);
    // Software that stands in for a device is measured by name only.
    const able = known
      .filter(({ probe, reference }) => probe.ok && !reference.name.includes(':'))
      .map(({ reference }) => reference.name);
    for (const { accelerators, 'plain-read': read } of results) {
      expect(accelerators.map(({ name }: { name: string }) => name)).toEqual([...able, 'example-offload']);
      expect(read.median).toBeGreaterThan(0);
    }
  });
});

/** Bodies of `detect(batch, isZero)`; `right()` gives the right answers. What the error must say. */
const MISBEHAVING = {
  throws: {
    detect: "throw new Error('the device burned down');",
    says: /mischief failed: the device burned down/,
  },
  rejects: {
    detect: "return Promise.reject(new Error('no more power'));",
    says: /mischief failed: no more power/,
  },
  'rejects later': {
    detect: "right(); if (++calls > 3) return Promise.reject(new Error('lost midway'));",
    says: /mischief failed: lost midway/,
  },
  'never answers': { detect: 'return new Promise(() => {});', says: /mischief gave no answer within/ },
  'never returns': { detect: 'for (;;);', says: /mischief gave no answer within/ },
  'leaves pages out': { detect: 'right(); isZero[0] = 0xff;', says: /mischief left a page unanswered/ },
  'answers 7': { detect: 'right(); isZero[0] = 7;', says: /mischief answered 7/ },
  'dies with its thread': { detect: 'process.exit(9);', says: /mischief took its thread down: channel \d/ },
} as const;

describe('an accelerator that misbehaves ends the run by name, and the guest runs on', () => {
  for (const [how, { detect, says }] of Object.entries(MISBEHAVING)) {
    it(how, async () => {
      const cwd = tempDirectory();
      writeFileSync(
        join(cwd, 'mischief.mjs'),
        `let calls = 0;
        const zeros = Buffer.alloc(4096);
        export const accelerators = [{
          specVersion: 1, name: 'mischief',
          capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 64 },
          probe: () => ({ ok: true, detail: 'up to no good' }),
          open: () => ({
            detect({ memory, offsets, count }, isZero) {
              const right = () => { for (let i = 0; i < count; i++)
                isZero[i] = Number(zeros.compare(memory, offsets[i], offsets[i] + 4096) === 0); };
              ${detect}
            },
            close() {},
          }),
        }];`,
      );
      const source = ['migrate', 'demo:64M,dirty=1M', '--accel', './mischief.mjs', '--stall-timeout', '1000'];
      const { code, stdout, stderr } = await start([...source, '--json'], { cwd }).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(says);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', guest: { state: 'runs' } });
    });
  }
});
