import type { DestinationEvent, Guest, GuestPlace, ReceiveOptions, SourceEvent } from '@multifd/core';
import { MultifdError } from '@multifd/core';
import { createGuestRam, MIB } from './ram.js';

/** An end of a migration, as events name it. */
export type End = 'source' | 'relay' | 'destination';

/** What a test does to a run besides what its events say. */
export type Injected = 'lose' | 'cut' | 'late' | 'trouble';

/** A run as `models/handover` reads it: one line of JSON. */
export interface TraceLine {
  readonly name: string;
  readonly relay: boolean;
  readonly returnPath: boolean;
  readonly faults: readonly Injected[];
  readonly events: readonly string[];
}

/** Notes what can be seen of who has the guest, by the names that `models/handover/README.md` lists. */
export class HandoverTrace {
  readonly events: string[] = [];

  note(end: End, what: string): void {
    this.events.push(`${end}.${what}`);
  }

  /** For `onEvent` of an end. @param reached called with each status, after it was noted. */
  listener(
    end: End,
    reached: (status: string) => void = () => {},
  ): (event: SourceEvent | DestinationEvent) => void {
    return (event) => {
      if (event.type === 'warning' && event.message.startsWith('too late to cancel'))
        this.note(end, 'too-late');
      if (event.type !== 'status') return;
      this.note(end, event.status);
      reached(event.status);
    };
  }

  /** A guest that may run while it migrates. */
  guest(seed: number, more: Partial<Guest> = {}): Guest {
    return {
      ram: createGuestRam({ seed, live: true, blocks: [{ name: 'pc.ram', length: MIB }] }),
      stop: () => this.note('source', 'stop'),
      resume: () => this.note('source', 'resume'),
      ...more,
    };
  }

  /** For `receive`. */
  commit(work: () => void | Promise<void>): NonNullable<ReceiveOptions['commit']> {
    return async () => {
      this.note('destination', 'commit');
      try {
        await work();
      } catch (error) {
        this.note('destination', 'commit-failed');
        throw error;
      }
      this.note('destination', 'committed');
    };
  }

  /** Waits for an end's last word, and notes who it says has the guest. Never rejects. */
  async ended(end: 'relay' | 'destination', result: Promise<{ readonly guest: GuestPlace }>): Promise<void> {
    const said = await result.then(
      ({ guest }) => guest,
      (error: unknown) => placeOf(error),
    );
    this.note(end, `says.${said ?? 'nobody'}`);
  }

  /** The same of a source, which says it only if it has failed. */
  async sent(result: Promise<unknown>): Promise<void> {
    await result.then(
      () => {},
      (error: unknown) => this.note('source', `says.${placeOf(error) ?? 'nobody'}`),
    );
  }
}

/** Who has the guest, says the error that ended a migration. */
function placeOf(error: unknown): GuestPlace | undefined {
  if (!MultifdError.is(error)) throw error;
  return error.guest;
}
