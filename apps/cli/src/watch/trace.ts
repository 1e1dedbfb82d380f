import { constants, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { MigrationStatus, RoundStatistics, SourceStatistics } from '@multifd/core';
import { pathError } from '../system-error.js';
import type { EngineEvent, Known } from './known.js';
import { roundMember } from './progress-lines.js';
import type { Watcher } from './watcher.js';

const OVER: readonly MigrationStatus[] = ['completed', 'failed', 'cancelled'];

/** A pipe must not hold the command: one without a reader is refused, and a reader that stands still ends the trace. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NONBLOCK ?? 0);

/** One event of a trace: its name and what belongs to it. */
type Traced = readonly [event: string, members?: object];

/**
 * `--trace FILE`: a JSON document on a line of its own for each event. Events that QEMU traces too have its names, and its names of
 * their arguments. No page, digest or other content of a guest is in it.
 */
export class Trace implements Watcher {
  readonly #file: WriteStream;
  readonly #names: EventNames;
  #failed = false;

  private constructor(file: WriteStream, known: Known, note: (line: string) => void) {
    this.#file = file;
    this.#names = new EventNames(known);
    file.on('error', (error) => {
      if (this.#failed) return;
      this.#failed = true;
      note(`warning: ${pathError(error, 'the trace ends here').message}`);
    });
  }

  /**
   * Replaces what is in the file, as QEMU does with its log. A new one is for this user alone.
   * @param note takes a line for people: the file could not be written any more. That does not end the migration.
   * @throws MultifdError `usage` or `io`.
   */
  static async open(path: string, known: Known, note: (line: string) => void): Promise<Trace> {
    try {
      const handle = await open(path, FLAGS, 0o600);
      return new Trace(handle.createWriteStream(), known, note);
    } catch (cause) {
      throw pathError(cause, `--trace ${path}`);
    }
  }

  onEvent(event: EngineEvent): void {
    for (const traced of this.#names.of(event)) this.#write(traced);
  }

  async end(errorDesc: string | undefined): Promise<void> {
    if (errorDesc !== undefined) this.#write(['migrate_error', { error_desc: errorDesc }]);
    await new Promise<void>((resolve) => {
      this.#file.once('close', () => resolve());
      this.#file.end();
      if (this.#file.closed) resolve();
    });
  }

  #write([event, members]: Traced): void {
    if (this.#failed) return;
    this.#file.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...members })}\n`);
  }
}

/** What the engine reports, under QEMU's names where it has one for that. */
class EventNames {
  readonly #known: Known;
  #syncs = 1;
  #last = { at: 0, transferred: 0 };

  constructor(known: Known) {
    this.#known = known;
  }

  of(event: EngineEvent): readonly Traced[] {
    switch (event.type) {
      case 'status': {
        const state: Traced = ['migrate_set_state', { new_state: event.status }];
        const isReady = event.status === 'active' && this.#known.command === 'migrate';
        // As QEMU's, the first period begins behind the setup.
        if (isReady) this.#last = { at: this.#known.source?.totalTime ?? 0, transferred: 0 };
        if (isReady) return [state, ['migration_thread_setup_complete']];
        // What was sent behind the last report, the device state above all, is not missing in the sum.
        const rest = this.#known.source;
        return OVER.includes(event.status) && rest !== undefined
          ? [...this.#transferred(rest), state]
          : [state];
      }
      case 'progress':
        return 'round' in event ? this.#transferred(event.statistics) : [];
      case 'round':
        return this.#round(event.round);
      case 'throttled':
        return [['migration_throttle', { percent: event.percent }]];
      case 'stalled':
        return [['stalled', { dirty_pages_rate: Math.round(event.statistics.dirtyPagesRate) }]];
      case 'warning':
        return [['warning', { message: event.message }]];
      case 'refused':
        return [['refused', { peer: event.peer, reason: event.reason }]];
      case 'machine-compat':
        return [['machine_compat', { machine_type: event.machineType, ...event.compat }]];
      case 'accelerator-replaced': {
        const { failed, reason, by } = event.replacement;
        return [['accelerator_replaced', { failed, reason, by: by.name }]];
      }
    }
  }

  /** @returns bytes, ms, and bytes a ms, as QEMU has them. */
  #transferred({ totalTime, transferred, remaining }: SourceStatistics): readonly Traced[] {
    const { at, transferred: before } = this.#last;
    const spent = Math.round(totalTime - at);
    const bytes = transferred - before;
    // At the end of a round two reports may come at once.
    if (spent === 0 && bytes === 0) return [];
    this.#last = { at: totalTime, transferred };
    const bandwidth = Math.round(bytes / Math.max(spent, 1));
    return [['migrate_transferred', { transferred: bytes, time_spent: spent, bandwidth, remaining }]];
  }

  #round(round: RoundStatistics): readonly Traced[] {
    const told: Traced = ['round', roundMember(round)];
    const syncs = this.#known.source?.dirtySyncCount ?? this.#syncs;
    if (syncs <= this.#syncs) return [told];
    this.#syncs = syncs;
    return [told, ['migration_bitmap_sync_end', { dirty_pages: round.dirtiedPages }]];
  }
}
