import { MultifdError } from '../../errors.js';
import type { SourceControl } from '../../send/control.js';
import type { SourceEnding } from './ending.js';
import type { GuestKeeper } from './guest-keeper.js';
import type { FromMigrationThread, ToMigrationThread } from './messages.js';
import type { SourceMeter } from './source-meter.js';

/** What the migration thread can want of the guest. */
export type GuestRequest = Extract<
  FromMigrationThread,
  { readonly type: 'ask-early' | 'sync-dirty' | 'ask-intact' | 'stop-guest' | 'throttle' }
>;

export interface GuestServiceHost {
  readonly keeper: GuestKeeper;
  readonly meter: SourceMeter;
  readonly ending: SourceEnding;
  readonly control: SourceControl;
  /** To the migration thread. */
  post(message: ToMigrationThread): void;
  /** The guest stands still from now on: nothing more is to be done meanwhile than must be. */
  stopped(): void;
  throttled(percent: number): void;
}

/** Serves what the migration thread wants of the guest, in the API thread, which calls the guest's callbacks. */
export class GuestService {
  readonly #host: GuestServiceHost;
  #isStopping = false;

  constructor(host: GuestServiceHost) {
    this.#host = host;
  }

  /** Whether the guest was stopped, or is about to be. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What a callback throws ends the migration. */
  serve(request: GuestRequest): void {
    switch (request.type) {
      case 'stop-guest':
        // A channel has failed meanwhile: the migration thread is about to be stopped, and the guest runs on.
        if (this.#host.control.isAborted) return;
        this.#answer(() => this.#stopForTheLastRound());
        return;
      case 'throttle':
        this.#try(() => this.#throttle(request.percent));
        return;
      default:
        this.#answer(() => this.#host.keeper.answer(request.type));
    }
  }

  /** Stops the guest before it has converged: what is left goes while it stands still. */
  suspend(): void {
    if (this.#host.control.isAborted) return;
    this.#stops();
    this.#host.control.suspend();
    this.#try(() => this.#host.keeper.suspend());
  }

  #stops(): void {
    if (!this.#isStopping) this.#host.meter.guestStops();
    this.#isStopping = true;
  }

  async #stopForTheLastRound(): Promise<ToMigrationThread> {
    const { keeper, meter, ending } = this.#host;
    this.#stops();
    await keeper.stop();
    this.#host.stopped();
    ending.step('device');
    const state = await keeper.deviceState();
    meter.lastRoundBegins();
    return { type: 'guest-stopped', ...state };
  }

  async #throttle(percent: number): Promise<void> {
    if (this.#isStopping) return;
    await this.#host.keeper.throttle(percent);
    this.#host.meter.throttled(percent);
    this.#host.throttled(percent);
  }

  /** Serves a request that the migration thread waits for. */
  #answer(work: () => Promise<ToMigrationThread>): void {
    this.#try(async () => this.#host.post(await work()));
  }

  #try(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#host.ending.fail(MultifdError.from(error, 'guest', 'the guest')));
  }
}
