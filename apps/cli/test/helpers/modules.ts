import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDirectory } from './temp.js';

/** A module with two accelerators that are right, and a third that cannot run. */
export function writeSeveral(): string {
  const cwd = tempDirectory();
  writeFileSync(
    join(cwd, 'several.mjs'),
    `const zeros = Buffer.alloc(4096);
    const make = (name, probe) => ({
      specVersion: 1, name, capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 256 },
      probe: () => probe,
      open: () => ({
        detect({ memory, offsets, count }, isZero) {
          for (let i = 0; i < count; i++)
            isZero[i] = Number(zeros.compare(memory, offsets[i], offsets[i] + 4096) === 0);
        },
        close() {},
      }),
      residentRate: () => 5e9,
    });
    const able = { ok: true, detail: 'byte by byte' };
    export const accelerators = [make('one', able), make('two:slow', able),
      make('three', { ok: false, reason: 'no power', fix: 'buy some' })];`,
  );
  return cwd;
}

export interface Mischief {
  readonly name?: string;
  /** The module's first line. */
  readonly first?: string;
  /** What the probe gives. */
  readonly probe?: string;
  /** Bodies of the methods. */
  readonly detect?: string;
  readonly close?: string;
}

/** A module whose one accelerator misbehaves; `right()` in `detect` gives the right answers. */
export function writeMischief({
  name = 'mischief',
  first = '',
  probe = "({ ok: true, detail: 'up to no good' })",
  detect = 'right();',
  close = '',
}: Mischief): string {
  const cwd = tempDirectory();
  writeFileSync(
    join(cwd, 'mischief.mjs'),
    `${first}
    let calls = 0;
    const zeros = Buffer.alloc(4096);
    export const accelerators = [{
      specVersion: 1, name: '${name}',
      capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 64 },
      probe: () => ${probe},
      open: () => ({
        detect({ memory, offsets, count }, isZero) {
          const right = () => { for (let i = 0; i < count; i++)
            isZero[i] = Number(zeros.compare(memory, offsets[i], offsets[i] + 4096) === 0); };
          ${detect}
        },
        close() { ${close} },
      }),
    }];`,
  );
  return cwd;
}
