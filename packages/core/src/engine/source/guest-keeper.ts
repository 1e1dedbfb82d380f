import { MultifdError } from '../../errors.js';
import type { RamBlockDescriptor } from '../../ram/block.js';
import { openRamBlock } from '../../ram/guest-ram.js';
import type { DeviceSection } from '../../wire/main/records.js';
import type { Guest, RawDeviceState } from '../api.js';
import { DeviceAnswers, readRawDeviceState } from './device-answers.js';
import type { EarlyState, ToMigrationThread } from './messages.js';

/** Calls the guest's callbacks, and resumes a stopped guest if the migration does not complete. */
export class GuestKeeper {
  readonly #guest: Guest;
  readonly #live: boolean;
  readonly #devices = new DeviceAnswers();
  /** Read once, at setup. */
  #raw: RawDeviceState | undefined;
  /** The call of `stop`: `resume` waits for it. */
  #stopping: Promise<void> | undefined;
  #isThrottled = false;

  constructor(guest: Guest, live: boolean) {
    this.#guest = guest;
    this.#live = live;
  }

  /** Serves a request of the migration thread. @throws MultifdError. */
  async answer(question: 'ask-early' | 'sync-dirty' | 'ask-intact'): Promise<ToMigrationThread> {
    switch (question) {
      case 'ask-early':
        return { type: 'early-state', ...(await this.earlyState()) };
      case 'sync-dirty':
        await this.syncDirty();
        return { type: 'dirty-synced' };
      case 'ask-intact':
        await this.intact();
        return { type: 'intact' };
    }
  }

  async syncDirty(): Promise<void> {
    await call('syncDirty', () => this.#guest.syncDirty?.());
  }

  /** Stops a live guest, once. */
  async suspend(): Promise<void> {
    if (!this.#live) return;
    this.#stopping ??= call('stop', () => this.#guest.stop?.());
    await this.#stopping;
  }

  /** Stops a live guest and merges its last writes into the dirty bitmaps. */
  async stop(): Promise<void> {
    if (!this.#live) return;
    await this.suspend();
    await this.syncDirty();
  }

  /** Slows the guest down. @param percent of the time that it stands still. */
  async throttle(percent: number): Promise<void> {
    this.#isThrottled = percent > 0;
    await call('throttle', () => this.#guest.throttle?.(percent));
  }

  /** Early device state, read at setup while the guest runs: sent before the first round, around the START section. */
  async earlyState(): Promise<{ readonly beforeRam: EarlyState; readonly behindStart: EarlyState }> {
    const none = new Uint8Array(0);
    this.#raw = await call('rawDeviceState', async () =>
      readRawDeviceState(await this.#guest.rawDeviceState?.()),
    );
    if (this.#raw !== undefined) {
      const { beforeRam = none, early } = this.#raw;
      return { beforeRam: { sections: [], raw: beforeRam }, behindStart: { sections: [], raw: early } };
    }
    const sections = await this.#sections('setup', (answer) => this.#devices.atSetup(answer));
    return {
      beforeRam: { sections: sections.filter(({ beforeRam }) => beforeRam === true), raw: none },
      behindStart: { sections: sections.filter(({ beforeRam }) => beforeRam !== true), raw: none },
    };
  }

  /** Device state of the stopped guest: its sections, or the bytes that another migration brought. */
  async deviceState(): Promise<{ deviceState: readonly DeviceSection[]; tail: Uint8Array | undefined }> {
    // Its bytes are the caller's: look again.
    const raw = readRawDeviceState(this.#raw);
    if (raw !== undefined) return { deviceState: [], tail: raw.bytes };
    const deviceState = await this.#sections('stopped', (answer) => this.#devices.whenStopped(answer));
    return { deviceState, tail: undefined };
  }

  /** A guest without the callback has no devices. */
  async #sections(
    when: 'setup' | 'stopped',
    check: (answer: unknown) => readonly DeviceSection[],
  ): Promise<readonly DeviceSection[]> {
    const guest = this.#guest;
    if (guest.deviceState === undefined) return [];
    return call('deviceState', async () => check(await guest.deviceState?.(when)));
  }

  /** @throws MultifdError if reads did not return the guest's memory. */
  async intact(): Promise<void> {
    await call('intact', () => this.#guest.intact?.());
  }

  /** After a failure: what happened to the guest meanwhile; undefined if it is intact, as far as its owner can tell. */
  async damage(): Promise<MultifdError | undefined> {
    try {
      await this.intact();
      for (const descriptor of this.#guest.ram.blocks) await wholeBlock(descriptor);
      return undefined;
    } catch (cause) {
      return MultifdError.from(cause, 'guest', 'the guest is not intact');
    }
  }

  /** After a failure: the guest runs at full speed again, and on, if it was stopped. */
  async giveBack(): Promise<void> {
    if (this.#isThrottled) await this.throttle(0);
    if (this.#stopping === undefined) return;
    await this.#stopping.catch(() => {});
    await call('resume', () => this.#guest.resume?.());
  }
}

/** Asks the block itself, so that its owner need not. @throws MultifdError if reads did not return its memory. */
async function wholeBlock(descriptor: RamBlockDescriptor): Promise<void> {
  // A block that cannot be opened here tells nothing about the memory.
  const block = await openRamBlock(descriptor).catch(() => undefined);
  try {
    block?.intact?.();
  } finally {
    block?.close();
  }
}

async function call<T>(name: string, callback: () => T | Promise<T>): Promise<T> {
  try {
    return await callback();
  } catch (cause) {
    throw MultifdError.from(cause, 'guest', `the guest's ${name} callback failed`);
  }
}
