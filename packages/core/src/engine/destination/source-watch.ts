import { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { DestinationControl } from '../../recv/control.js';
import type { Counters } from '../../thread/counters.js';
import type { DestinationMeter } from './destination-meter.js';

/**
 * Notices a source that is gone or stalls, whatever the threads are waiting for: a thread that waits for another one's
 * connection does not watch its own.
 */
export class SourceWatch {
  readonly #control: DestinationControl;
  readonly #counters: Counters;
  readonly #meter: DestinationMeter;
  readonly #parameters: MigrationParameters;
  readonly #channels: { bytes: number; since: number }[];

  constructor(
    control: DestinationControl,
    counters: Counters,
    meter: DestinationMeter,
    parameters: MigrationParameters,
  ) {
    this.#control = control;
    this.#counters = counters;
    this.#meter = meter;
    this.#parameters = parameters;
    this.#channels = Array.from({ length: parameters.multifdChannels }, () => ({ bytes: -1, since: 0 }));
  }

  /** Call it about every 100 ms while pages come. @returns what is wrong; undefined if nothing is. */
  look(): MultifdError | undefined {
    const gone = this.#control.goneEarly;
    if (gone !== undefined && this.#control.isWaitedFor) return closedEarly(gone);
    return this.#silent(gone !== undefined) ?? this.#late();
  }

  /**
   * @param leaving one connection has ended, as those of a source that does not wait for an answer do at its end: then
   *   the others end soon, too.
   */
  #silent(leaving: boolean): MultifdError | undefined {
    const { idleTimeout, stallTimeout } = this.#parameters;
    const limit = leaving ? Math.min(idleTimeout, stallTimeout) : idleTimeout;
    if (this.#meter.idleFor() <= limit) return undefined;
    return new MultifdError('timeout', `the source sent no byte on any connection for ${limit} ms`, {
      hint: 'the source hangs or the network is down',
    });
  }

  /** A SYNC leaves the source before main says so: when main waits for one, bytes are due on its channel. */
  #late(): MultifdError | undefined {
    const { stallTimeout } = this.#parameters;
    const now = performance.now();
    for (const [channel, seen] of this.#channels.entries()) {
      const row = this.#counters.row(channel + 1);
      const sync = this.#control.due(channel);
      const { bytes } = row;
      if (sync === undefined || bytes !== seen.bytes || !row.isAwaitingBytes) {
        seen.bytes = bytes;
        seen.since = now;
      } else if (now - seen.since > stallTimeout) {
        const what = `channel ${channel}: sync ${sync} is due, and no byte came for ${stallTimeout} ms`;
        return new MultifdError('timeout', what, { hint: 'this connection is broken, or the source hangs' });
      }
    }
    return undefined;
  }
}

function closedEarly(connection: string): MultifdError {
  return new MultifdError('peer-closed', `${connection}: the source closed it before everything was here`, {
    hint: "see the source's own message",
  });
}
