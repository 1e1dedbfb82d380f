import type { SourceStatistics } from '@multifd/core';
import type { QemuRunState } from '../qmp/commands.js';
import type { SteeredParameters } from './parameters.js';

/** What a client of a monitor has set before it begins a migration. */
export interface MigrationOrder {
  /** `tcp:HOST:PORT` or `unix:PATH`. */
  readonly uri: string;
  readonly parameters: SteeredParameters;
  readonly returnPath: boolean;
  readonly autoConverge: boolean;
}

/**
 * What a monitor steers, and whom it belongs to. What is absent is refused. Each method may throw: the client gets the
 * message as QEMU's `GenericError`.
 */
export interface MonitorTarget {
  /** Whoever speaks, in the greeting: `multifd 0.1.0`. */
  readonly package: string;
  /** Names that `multifd-compression` may have. */
  readonly methods: readonly string[];
  /** As it stands when the monitor begins to listen. */
  readonly parameters: SteeredParameters;
  readonly returnPath: boolean;
  readonly autoConverge: boolean;
  /** `migrate`: begins, and does not wait for the end. */
  migrate?(order: MigrationOrder): void;
  /** `migrate-incoming`: over once it listens; does not wait for a source. The client is answered then. */
  migrateIncoming?(order: MigrationOrder): void | Promise<void>;
  /** Changes parameters of the running migration. */
  change?(changes: Partial<Pick<SteeredParameters, 'max-bandwidth' | 'downtime-limit'>>): void;
  /** `migrate_cancel`, of a running migration. */
  cancel(): void;
  /** `stop` and `cont`: the guest's processors here. */
  stop?(): void | Promise<void>;
  cont?(): void | Promise<void>;
  /** `quit`: ends the program, after the answer. */
  quit(): void;
  /** Of a source whose migration runs or is over: as they stand now. */
  statistics?(): SourceStatistics | undefined;
  /** `query-status`. */
  runState(): QemuRunState;
}
