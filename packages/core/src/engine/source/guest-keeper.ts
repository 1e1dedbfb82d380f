import { MultifdError } from '../../errors.js';
import type { DeviceSection } from '../../wire/main/records.js';
import type { Guest } from '../api.js';

/**
 * Calls the guest's callbacks, and sees to it that a guest that was stopped is resumed when the migration does
 * not complete.
 */
export class GuestKeeper {
  readonly #guest: Guest;
  readonly #live: boolean;
  /** The call of `stop`, once it was made: it must be over before `resume`. */
  #stopping: Promise<void> | undefined;

  constructor(guest: Guest, live: boolean) {
    this.#guest = guest;
    this.#live = live;
  }

  async syncDirty(): Promise<void> {
    await call('syncDirty', () => this.#guest.syncDirty?.());
  }

  /** Stops a live guest and merges its last writes into the dirty bitmaps. */
  async stop(): Promise<void> {
    if (!this.#live) return;
    this.#stopping = call('stop', () => this.#guest.stop?.());
    await this.#stopping;
    await this.syncDirty();
  }

  async deviceState(): Promise<readonly DeviceSection[]> {
    return (await call('deviceState', () => this.#guest.deviceState?.())) ?? [];
  }

  async rawDeviceState(): Promise<Uint8Array | undefined> {
    return call('rawDeviceState', () => this.#guest.rawDeviceState?.());
  }

  /** The migration is off: the guest runs on here if it was stopped. */
  async giveBack(): Promise<void> {
    if (this.#stopping === undefined) return;
    await this.#stopping.catch(() => {});
    await call('resume', () => this.#guest.resume?.());
  }
}

async function call<T>(name: string, callback: () => T | Promise<T>): Promise<T> {
  try {
    return await callback();
  } catch (cause) {
    throw MultifdError.from(cause, 'guest', `the guest's ${name} callback failed`);
  }
}
