import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { AUTO, methodsFor } from '../../methods/automatic.js';
import type { MultiFDMethods } from '../../methods/methods.js';
import { sampleMethod } from '../../methods/sample.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { Counters } from '../counters.js';
import type { SourceControl } from './control.js';
import { decideMethod, type MeasuredMethod, type MethodDecision } from './method-decision.js';

/** ms between two looks at what has left. */
const LOOK = 20;
/** ms of sending that do not count: what left first may only have filled the sockets' buffers. */
const WARM_UP = 60;
/** ms of sending after which the line's rate is known, if so many bytes have left, … */
const ENOUGH_TIME = 120;
const ENOUGH_BYTES = 16 * 2 ** 20;
/** … or else after so many ms. */
const MOST_TIME = 1000;
/** Packets of each method that are made for trying. */
const PACKETS = 2;
/** If the first method leaves more than this share of a byte, the others are not tried: the guest does not compress. */
const HOPELESS = 0.9;

/**
 * What `multifd-compression=auto` chooses from; undefined for any other method.
 * @throws MultifdError `codec-unavailable`.
 */
export async function methodsToChooseFrom(
  name: string,
  modules: readonly string[],
): Promise<readonly MultiFDMethods[] | undefined> {
  return name === AUTO ? methodsFor(AUTO, modules) : undefined;
}

/** `multifd-compression=auto` on the source, in the API thread: sends with `none` until it knows better. */
export class MethodChooser {
  readonly #ram: GuestRamDescriptor;
  readonly #settings: Readonly<Record<string, number | string>>;
  readonly #methods: readonly MultiFDMethods[];
  readonly #counters: Counters;
  readonly #control: SourceControl;
  #decision: MethodDecision | undefined;

  /** @param methods as every channel has them; the first is `none`, the others are tried in their order. */
  constructor(
    ram: GuestRamDescriptor,
    settings: Readonly<Record<string, number | string>>,
    methods: readonly MultiFDMethods[],
    counters: Counters,
    control: SourceControl,
  ) {
    this.#ram = ram;
    this.#settings = settings;
    this.#methods = methods;
    this.#counters = counters;
    this.#control = control;
  }

  /** What was chosen, and why; undefined while that is not known, as for a guest that was gone before. */
  get decision(): MethodDecision | undefined {
    return this.#decision;
  }

  /**
   * Measures the line and the methods while pages are sent, and chooses once. Call it when the first round begins.
   * @throws MultifdError whatever trying a method does.
   */
  async choose(signal: AbortSignal): Promise<void> {
    const lineRate = await this.#lineRate(signal);
    if (lineRate === undefined) return;
    const measured: MeasuredMethod[] = [];
    for (const method of this.#methods.slice(1)) {
      const { pageBytes, payloadBytes, duration } = await sampleMethod(method, this.#ram, {
        packets: PACKETS,
        settings: this.#settings,
      });
      if (pageBytes === 0 || signal.aborted) continue;
      const bytesPerSecond = (pageBytes * 1000) / Math.max(duration, 0.001);
      measured.push({ name: method.name, bytesPerSecond, ratio: payloadBytes / pageBytes });
      if (payloadBytes > HOPELESS * pageBytes) break;
    }
    if (signal.aborted) return;
    const threads = Math.min(this.#counters.rows - 1, availableParallelism());
    this.#decision = decideMethod(lineRate, threads, measured);
    this.#control.chooseMethod(this.#methods.findIndex(({ name }) => name === this.#decision?.name));
  }

  /** Bytes a second over all channels; undefined if the migration is over before that is known. */
  async #lineRate(signal: AbortSignal): Promise<number | undefined> {
    let began: { readonly at: number; readonly bytes: number } | undefined;
    for (let firstByte: number | undefined; !signal.aborted; ) {
      const now = performance.now();
      const bytes = this.#sent();
      if (bytes > 0) firstByte ??= now;
      if (began === undefined) {
        if (firstByte !== undefined && now - firstByte >= WARM_UP) began = { at: now, bytes };
      } else {
        const time = now - began.at;
        const gained = bytes - began.bytes;
        if ((time >= ENOUGH_TIME && gained >= ENOUGH_BYTES) || time >= MOST_TIME)
          return (gained * 1000) / time;
      }
      await delay(LOOK, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  /** Bytes that the channels have sent, of packets with content as good as all. */
  #sent(): number {
    let bytes = 0;
    for (let row = 1; row < this.#counters.rows; row++) bytes += this.#counters.row(row).bytes;
    return bytes;
  }
}
