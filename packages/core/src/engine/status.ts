import { MultifdError } from '../errors.js';
import type { MigrationStatus } from './api.js';

/** Which status may follow which. `completed`, `failed` and `cancelled` are the ends. */
const NEXT: Readonly<Record<MigrationStatus, readonly MigrationStatus[]>> = {
  none: ['setup', 'failed', 'cancelling'],
  setup: ['active', 'failed', 'cancelling'],
  active: ['device', 'failed', 'cancelling'],
  device: ['completed', 'failed', 'cancelling'],
  cancelling: ['cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** A migration's status: one step at a time, each told once. */
export class StatusMachine {
  #status: MigrationStatus = 'none';
  readonly #tell: (status: MigrationStatus) => void;

  constructor(tell: (status: MigrationStatus) => void) {
    this.#tell = tell;
  }

  is(status: MigrationStatus): boolean {
    return this.#status === status;
  }

  get isOver(): boolean {
    return NEXT[this.#status].length === 0;
  }

  /** @throws MultifdError `internal` for a step that is not in the table. */
  to(status: MigrationStatus): void {
    if (!NEXT[this.#status].includes(status)) {
      throw new MultifdError('internal', `a migration cannot go from ${this.#status} to ${status}`);
    }
    this.#status = status;
    this.#tell(status);
  }
}
