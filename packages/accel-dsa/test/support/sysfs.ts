import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Roots } from '../../src/sysfs.js';

type Attributes = Readonly<Record<string, string | number>>;

/** A work queue as `accel-config` leaves it; and its device. */
export const READY = {
  device: { state: 'enabled', pasid_enabled: 1, numa_node: 0 },
  queue: {
    state: 'enabled',
    type: 'user',
    mode: 'shared',
    size: 16,
    max_batch_size: 1024,
    max_transfer_size: 2 ** 31,
  },
} as const;

/** What the kernel would show, in a folder of this test run. */
export class FakeSysfs implements Roots {
  readonly sysfs: string;
  readonly dev: string;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'dsa-'));
    this.sysfs = join(folder, 'devices');
    this.dev = join(folder, 'dev');
    mkdirSync(this.sysfs);
    mkdirSync(this.dev);
  }

  device(name: string, attributes: Attributes = {}): this {
    return this.#write(name, { ...READY.device, ...attributes });
  }

  /** @param mode of its character device; null: there is none. */
  queue(id: string, attributes: Attributes = {}, mode: number | null = 0o600): this {
    if (mode !== null) {
      writeFileSync(join(this.dev, id), '');
      chmodSync(join(this.dev, id), mode);
    }
    return this.#write(id, { ...READY.queue, ...attributes });
  }

  #write(name: string, attributes: Attributes): this {
    mkdirSync(join(this.sysfs, name));
    for (const [attribute, value] of Object.entries(attributes)) {
      writeFileSync(join(this.sysfs, name, attribute), `${value}\n`);
    }
    return this;
  }
}
