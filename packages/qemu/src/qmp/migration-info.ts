import { isObject, type JsonObject } from '../json.js';

/**
 * QEMU's MigrationStatus up to 11.1 (docs/wire.md, 11): `postcopy-device` and `failing` are new in 11. A migration
 * is over at `completed`, `cancelled` and `failed`, and not yet at `failing`.
 */
export const MIGRATION_STATUSES = [
  'none',
  'setup',
  'cancelling',
  'cancelled',
  'active',
  'postcopy-device',
  'postcopy-active',
  'postcopy-paused',
  'postcopy-recover-setup',
  'postcopy-recover',
  'completed',
  'failing',
  'failed',
  'colo',
  'pre-switchover',
  'device',
  'wait-unplug',
] as const;

export type QemuMigrationStatus = (typeof MIGRATION_STATUSES)[number];

/** QEMU's MigrationStats, the part that every version from 7.2 on has. Bytes and pages. */
export interface MigrationRam {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  /** Zero pages. */
  readonly duplicate: number;
  /** Pages sent with their content. */
  readonly normal: number;
  readonly pageSize: number;
  readonly dirtySyncCount: number;
  readonly multifdBytes: number;
}

/** QEMU's MigrationInfo, as far as we look at it. */
export interface MigrationInfo {
  /** A QemuMigrationStatus, or the word of a later QEMU as it says it; `none` if there was no migration yet. */
  readonly status: string;
  readonly errorDesc?: string;
  /** ms. */
  readonly totalTime?: number;
  /** ms. */
  readonly setupTime?: number;
  /** ms. */
  readonly downtime?: number;
  readonly ram?: MigrationRam;
}

/** Reads the answer of `query-migrate`; undefined if it is none. */
export function readMigrationInfo(value: unknown): MigrationInfo | undefined {
  if (!isObject(value)) return undefined;
  const { status = 'none' } = value;
  if (typeof status !== 'string') return undefined;
  const errorDesc = value['error-desc'];
  const totalTime = value['total-time'];
  const setupTime = value['setup-time'];
  const { downtime } = value;
  return {
    status,
    ...(typeof errorDesc === 'string' ? { errorDesc } : {}),
    ...(typeof totalTime === 'number' ? { totalTime } : {}),
    ...(typeof setupTime === 'number' ? { setupTime } : {}),
    ...(typeof downtime === 'number' ? { downtime } : {}),
    ...(isObject(value.ram) ? { ram: readRam(value.ram) } : {}),
  };
}

function readRam(ram: JsonObject): MigrationRam {
  const count = (name: string): number => {
    const value = ram[name];
    return typeof value === 'number' ? value : 0;
  };
  return {
    transferred: count('transferred'),
    remaining: count('remaining'),
    total: count('total'),
    duplicate: count('duplicate'),
    normal: count('normal'),
    pageSize: count('page-size'),
    dirtySyncCount: count('dirty-sync-count'),
    multifdBytes: count('multifd-bytes'),
  };
}
