import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '../../errors.js';
import { methodsFor } from '../../methods/automatic.js';
import { sampleGuest } from '../../methods/guest-sample.js';
import type { MethodOptions, MultiFDMethods } from '../../methods/methods.js';
import { tryMethod } from '../../methods/sample.js';
import { AUTO } from '../../methods/shape.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import { RangeTable } from '../../ram/ranges.js';
import type { SourceControl } from '../../send/control.js';
import type { SendSide } from '../../send/side.js';
import type { Counters } from '../../thread/counters.js';
import type { MigrateOptions } from '../api.js';
import { LineRate } from './line-rate.js';
import { decideMethod, type MeasuredMethod, type MethodDecision } from './method-decision.js';

/** ms between two looks at what was sent and at which threads are sending. */
const LOOK = 10;
/** Packets that each method makes in a trial. */
const PACKETS = 2;
/** Number of ranges, the last claimed, to sample: where content is most likely. */
const RECENT = 8;
/** If the first method's payload is above this share, the others are not tried: the guest does not compress. */
const HOPELESS = 0.9;

export interface ChooserOptions {
  readonly ram: GuestRamDescriptor;
  readonly modules: readonly string[];
  readonly settings: MethodOptions['settings'];
  readonly counters: Counters;
  readonly control: SourceControl;
  /** Gets one line for each method that is left out: `auto` goes on without it. */
  readonly warn: (message: string) => void;
}

export function chooserOptions(
  { guest, methodModules = [], methodSettings = {} }: MigrateOptions,
  { counters, control }: Pick<SendSide, 'counters' | 'control'>,
  warn: ChooserOptions['warn'],
): ChooserOptions {
  return { ram: guest.ram, modules: methodModules, settings: methodSettings, counters, control, warn };
}

/** `multifd-compression=auto` on the source, in the API thread: sends with `none` until a method is chosen. */
export class MethodChooser {
  readonly #options: ChooserOptions;
  /** Aborted when no method needs to be chosen any more. */
  readonly #over = new AbortController();
  #methods: readonly MultiFDMethods[] | undefined;
  #choosing: Promise<void> | undefined;
  #decision: MethodDecision | undefined;
  #refused = false;

  constructor(options: ChooserOptions) {
    this.#options = options;
  }

  /**
   * Loads the methods, as every channel does when it needs one, and lets them check their settings.
   * @throws MultifdError `codec-unavailable`; `usage` for a setting that is out of range, used or not.
   */
  async open(): Promise<void> {
    const { modules, settings } = this.#options;
    const methods = await methodsFor(AUTO, modules);
    if (Object.keys(settings).length > 0) await this.#checkSettings(methods.slice(1));
    this.#methods = methods;
  }

  /** Whether the methods are loaded. */
  get isOpen(): boolean {
    return this.#methods !== undefined;
  }

  /** What was chosen, and why; undefined until then, and for a guest that had left before. */
  get decision(): MethodDecision | undefined {
    return this.#decision;
  }

  /**
   * Measures the line and the methods while pages are sent, and chooses once. Call it when the first round begins. If
   * the guest cannot be sampled, the migration goes on without a choice.
   */
  begin(): void {
    this.#choosing = this.#choose(this.#over.signal).catch((error: unknown) => {
      const { message } = MultifdError.from(error, 'internal', 'choosing a method');
      this.#options.warn(`multifd-compression auto stays with none: ${message}`);
    });
  }

  /** A channel cannot use the chosen method; every channel reports the same one. @param reason one line. */
  refused(reason: string): void {
    if (!this.#refused) this.#options.warn(`multifd-compression auto goes on with none: ${reason}`);
    this.#refused = true;
  }

  /** Chooses nothing from now on. Resolves once no memory is read any more, whatever the methods do. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#choosing;
  }

  async #choose(signal: AbortSignal): Promise<void> {
    const methods = this.#methods ?? [];
    const lineRate = await this.#lineRate(signal);
    if (lineRate === undefined) return;
    const measured = await this.#measure(methods.slice(1), signal);
    if (signal.aborted) return;
    const { counters, control } = this.#options;
    const threads = Math.min(counters.rows - 1, availableParallelism());
    const decision = decideMethod(lineRate, threads, measured);
    this.#decision = decision;
    control.chooseMethod(methods.find(({ name }) => name === decision.name)?.flag ?? 0);
  }

  /** Runs each method on the same pages. */
  async #measure(
    methods: readonly MultiFDMethods[],
    signal: AbortSignal,
  ): Promise<readonly MeasuredMethod[]> {
    const { ram, settings } = this.#options;
    const sample = await sampleGuest(ram, { packets: PACKETS, known: this.#recent(), signal });
    const measured: MeasuredMethod[] = [];
    try {
      for (const method of methods) {
        const made = await this.#guarded(method, () => tryMethod(method, sample, settings, signal));
        if (signal.aborted) break;
        if (made === undefined || made.pageBytes === 0) continue;
        const bytesPerSecond = (made.pageBytes * 1000) / Math.max(made.duration, 0.001);
        const ratio = made.payloadBytes / made.pageBytes;
        measured.push({ name: method.name, bytesPerSecond, ratio });
        if (ratio > HOPELESS) break;
      }
    } finally {
      sample.close();
    }
    return measured;
  }

  async #checkSettings(methods: readonly MultiFDMethods[]): Promise<void> {
    const { ram, settings } = this.#options;
    const nothing = { pageSize: ram.pageSize, packets: [], close() {} };
    for (const method of methods) {
      await this.#guarded(method, () => tryMethod(method, nothing, settings));
    }
  }

  /** A method that fails is left out; a wrong setting is the user's to mend, and ends the migration. */
  async #guarded<Value>(method: MultiFDMethods, work: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await work();
    } catch (cause) {
      const error = MultifdError.from(cause, 'codec-unavailable', method.name);
      if (error.code === 'usage') throw error;
      this.#options.warn(`multifd-compression auto goes on without ${method.name}: ${error.message}`);
      return undefined;
    }
  }

  /** Bytes a second over all channels; undefined if the migration is over before that is known. */
  async #lineRate(signal: AbortSignal): Promise<number | undefined> {
    const { counters } = this.#options;
    const rows = Array.from({ length: counters.rows }, (_, index) => counters.row(index));
    const line = new LineRate();
    while (!signal.aborted) {
      const sent = rows.reduce((sum, row) => sum + row.sent, 0);
      const known = line.look(
        performance.now(),
        sent,
        rows.some((row) => row.isSending),
      );
      if (known !== undefined) return known;
      await delay(LOOK, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  /** The ranges that the channels are at: a mostly zero guest has content there if anywhere. */
  #recent(): ReturnType<RangeTable['at']>[] {
    const table = new RangeTable(this.#options.ram.blocks);
    const claimed = Math.min(this.#options.control.claimed, table.count);
    const first = Math.max(0, claimed - RECENT);
    return Array.from({ length: claimed - first }, (_, index) => table.at(first + index));
  }
}
