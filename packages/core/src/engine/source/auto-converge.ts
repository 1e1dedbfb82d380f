import type { RoundFigures } from './convergence.js';

/** ms over which the guest's pace is compared with the line's, as in QEMU. */
const PERIOD = 1000;
/** Periods in which the guest is too fast before it is slowed down, as in QEMU. */
const PERIODS = 2;

/** QEMU's parameters of `auto-converge`, in percent. */
export interface ThrottleParameters {
  readonly cpuThrottleInitial: number;
  readonly cpuThrottleIncrement: number;
  readonly maxCpuThrottle: number;
  readonly throttleTriggerThreshold: number;
}

/**
 * Decides how much a guest is slowed down, by QEMU's rule: it gets `cpuThrottleInitial` when in two periods it has
 * dirtied more than `throttleTriggerThreshold` percent of what moved, then `cpuThrottleIncrement` more each time. Pages
 * are compared with pages: QEMU compares with bytes on the wire, where zero and compressed pages hardly count. Pure.
 */
export class AutoConverge {
  readonly #parameters: ThrottleParameters;
  #percent = 0;
  #tooFast = 0;
  #dirtied = 0;
  #handled = 0;
  #passed = 0;

  constructor(parameters: ThrottleParameters) {
    this.#parameters = parameters;
  }

  /** Share of time that the guest's processors stand still, 0 to 99. */
  get percent(): number {
    return this.#percent;
  }

  /** A round is over. @returns whether `percent` has changed. */
  roundOver({
    dirtyPages,
    handledPages,
    duration,
  }: Omit<RoundFigures, 'pageSize' | 'maxBandwidth'>): boolean {
    this.#dirtied += dirtyPages;
    this.#handled += handledPages;
    this.#passed += duration;
    if (this.#passed < PERIOD) return false;
    const isTooFast = this.#dirtied > (this.#handled * this.#parameters.throttleTriggerThreshold) / 100;
    this.#dirtied = 0;
    this.#handled = 0;
    this.#passed = 0;
    // QEMU counts such periods, and does not start again after one that was slow enough.
    if (!isTooFast || ++this.#tooFast < PERIODS) return false;
    this.#tooFast = 0;
    return this.#slowDown();
  }

  #slowDown(): boolean {
    const { cpuThrottleInitial, cpuThrottleIncrement, maxCpuThrottle } = this.#parameters;
    const wanted = this.#percent === 0 ? cpuThrottleInitial : this.#percent + cpuThrottleIncrement;
    const before = this.#percent;
    this.#percent = Math.min(wanted, maxCpuThrottle);
    return this.#percent !== before;
  }
}
