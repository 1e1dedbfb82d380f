import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the kernel shows devices, and where their character devices are. Tests have folders of their own. */
export interface Roots {
  readonly sysfs: string;
  readonly dev: string;
}

export const ROOTS: Roots = { sysfs: '/sys/bus/dsa/devices', dev: '/dev/dsa' };

/** A work queue, as the kernel describes it. Text that is not there is empty. */
export interface WorkQueue {
  /** `wq0.0`. */
  readonly id: string;
  /** `dsa0`. */
  readonly device: string;
  /** `/dev/dsa/wq0.0`. */
  readonly path: string;
  /** `enabled` or `disabled`. */
  readonly deviceState: string;
  readonly state: string;
  /** `user`, `kernel` or `none`. */
  readonly type: string;
  /** `shared` or `dedicated`. */
  readonly mode: string;
  /** Whether the IOMMU translates this process's addresses for it. */
  readonly hasPasid: boolean;
  /** Entries. */
  readonly size: number;
  readonly maxBatchSize: number;
  readonly maxTransferSize: number;
  readonly numaNode: number | undefined;
  /** Whether this user may open `path`. */
  readonly access: 'allowed' | 'denied' | 'absent';
}

export interface Found {
  /** `dsa0`, …; those of another kind (`iax1`) are not listed. */
  readonly devices: readonly string[];
  /** In the order of their numbers. */
  readonly queues: readonly WorkQueue[];
}

/** @returns undefined where the kernel knows no such bus: its driver (idxd) is not loaded. */
export function findQueues({ sysfs, dev }: Roots): Found | undefined {
  let names: string[];
  try {
    names = readdirSync(sysfs);
  } catch {
    return undefined;
  }
  const devices = names.filter((name) => /^dsa\d+$/.test(name)).toSorted(byNumbers);
  const read = (name: string, attribute: string): string => {
    try {
      return readFileSync(join(sysfs, name, attribute), 'utf8').trim();
    } catch {
      return '';
    }
  };
  const queues = names.filter((name) => /^wq\d+\.\d+$/.test(name)).toSorted(byNumbers);
  return {
    devices,
    queues: queues.flatMap((id) => {
      // Numbers count devices of every kind: wq1.0 may belong to iax1.
      const device = `dsa${id.slice(2, id.indexOf('.'))}`;
      if (!devices.includes(device)) return [];
      const node = Number.parseInt(read(device, 'numa_node'), 10);
      return [
        {
          id,
          device,
          path: join(dev, id),
          deviceState: read(device, 'state'),
          state: read(id, 'state'),
          type: read(id, 'type'),
          mode: read(id, 'mode'),
          hasPasid: read(device, 'pasid_enabled') !== '0',
          size: whole(read(id, 'size')) ?? 0,
          maxBatchSize: whole(read(id, 'max_batch_size')) ?? 1,
          maxTransferSize: whole(read(id, 'max_transfer_size')) ?? 0,
          numaNode: node >= 0 ? node : undefined,
          access: accessTo(join(dev, id)),
        },
      ];
    }),
  };
}

function accessTo(path: string): WorkQueue['access'] {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return 'allowed';
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'ENOENT' ? 'absent' : 'denied';
  }
}

function whole(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
