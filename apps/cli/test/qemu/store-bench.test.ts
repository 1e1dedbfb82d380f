import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findQemu, installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { OPERATIONS, type Series } from '../../bench/store/samples.ts';
import { tempDirectory } from '../helpers/temp.js';

const MAIN = fileURLToPath(new URL('../../bench/store/main.mjs', import.meta.url));
const MIB = 2 ** 20;
/** ms: each turn waits up to two seconds for a machine that is quiet. */
const PATIENCE = 300_000;

describe.runIf(installedQemus().includes('10.0'))('the benchmark of stores beside QEMU 10.0', () => {
  it(
    'keeps a small guest, keeps it again, and compares what comes back',
    async () => {
      const folder = tempDirectory();
      const out = join(folder, 'samples.jsonl');
      const words = ['--guest', '128:8', '--runs', '1', '--peer', findQemu('10.0') ?? ''];
      const child = spawn(process.execPath, [MAIN, ...words, '--folder', folder, '--out', out], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const [code] = await once(child, 'close');
      expect(code, stderr).toBe(0);
      expect(readdirSync(folder)).toEqual(['samples.jsonl']);

      const [, ...lines] = readFileSync(out, 'utf8').trimEnd().split('\n');
      const all: Series[] = lines.map((line) => JSON.parse(line));
      const peer = all.find(({ contender }) => contender.includes('QEMU'))?.contender ?? '';
      expect(peer).toMatch(/^mapped-ram of QEMU 10\.0\./);
      const names = ['store:DIR', 'file:', peer];
      expect(all.map(({ operation, contender }) => [operation, contender])).toEqual(
        OPERATIONS.flatMap((operation) => names.map((name) => [operation, name])),
      );
      for (const { operation, contender, samples } of all) {
        expect(samples).toHaveLength(1);
        for (const { ms, waited, cpu, peakRss, disk } of samples) {
          const isRestore = operation === 'restore';
          expect(ms).toBeGreaterThan(0);
          expect(waited === null).toBe(isRestore);
          expect(waited ?? 0).toBeLessThanOrEqual(ms + 50);
          expect(cpu.multifd === null).toBe(contender === peer);
          // Node takes more than that before it has read a line of ours; QEMU has the guest.
          if (contender !== peer) expect(cpu.multifd).toBeGreaterThan(10);
          if (contender !== peer) expect(peakRss.multifd).toBeGreaterThan(20 * MIB);
          expect(peakRss.qemu).toBeGreaterThan(8 * MIB);
          if (isRestore) expect(disk).toBeNull();
          else if (contender !== 'store:DIR') expect(disk).toBeGreaterThan(8 * MIB);
          // Text is stored in less than half of its size, and of the later snapshot only the chunks that changed.
          else if (operation === 'first') expect(disk).toBeLessThan(5 * MIB);
          else expect(disk).toBeLessThan(1.5 * MIB);
        }
      }
    },
    PATIENCE,
  );
});
