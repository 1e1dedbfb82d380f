import { MultifdError } from '../errors.js';
import type { ChannelMethods } from './automatic.js';
import type { MethodOptions, MultiFDMethods, OutgoingPages, PreparedPayload, SendHooks } from './methods.js';

/** Which method makes the next packet of a channel that has several. */
export interface MethodChoice {
  /** Its flag, or 0 for the first, until one was chosen; others may change it at any time. */
  chosen(): number;
  /**
   * Whether the guest may stand still: then nothing is loaded any more, and a channel that has not set up the method by
   * now goes on with the first.
   */
  isLate(): boolean;
  /** It cannot be had in this thread, and the first method goes on in its place. `reason`: one line. */
  refused(reason: string): void;
}

/**
 * One channel's way out through several methods. The first is set up at once, so that it is told before anything is sent
 * if it cannot be; each other with the first packet that is to be made with it.
 *
 * @throws whatever the first method's `sendSetup` throws.
 */
export async function setUpSending(
  methods: ChannelMethods,
  options: MethodOptions,
  choice: MethodChoice,
): Promise<SendingMethods> {
  const first: Sending = { flag: methods.first.flag, hooks: await methods.first.sendSetup(options) };
  return new ChosenSending(first, methods, options, choice);
}

/** One packet's payload, and the flag of the method that made it. */
export interface CodedPayload extends PreparedPayload {
  readonly flag: number;
}

/** One channel's way out: what `setUpSending` gives. */
export interface SendingMethods {
  prepare(pages: OutgoingPages): Promise<CodedPayload>;
  cleanup(): Promise<void>;
}

/** A method in use by a channel. */
interface Sending {
  readonly flag: number;
  readonly hooks: SendHooks;
}

class ChosenSending implements SendingMethods {
  readonly #first: Sending;
  readonly #methods: ChannelMethods;
  readonly #options: MethodOptions;
  readonly #choice: MethodChoice;
  /** By the flag of the choice. */
  readonly #inUse: Map<number, Sending>;

  constructor(first: Sending, methods: ChannelMethods, options: MethodOptions, choice: MethodChoice) {
    this.#first = first;
    this.#methods = methods;
    this.#options = options;
    this.#choice = choice;
    this.#inUse = new Map([[0, first]]);
  }

  async prepare(pages: OutgoingPages): Promise<CodedPayload> {
    const chosen = this.#choice.chosen();
    const { flag, hooks } = await this.#method(chosen);
    return { ...(await hooks.prepare(pages)), flag };
  }

  async cleanup(): Promise<void> {
    for (const { hooks } of new Set(this.#inUse.values())) await hooks.cleanup();
  }

  #method(flag: number): Sending | Promise<Sending> {
    return this.#inUse.get(flag) ?? (this.#choice.isLate() ? this.#first : this.#setUp(flag));
  }

  async #setUp(flag: number): Promise<Sending> {
    let sending = this.#first;
    try {
      const method = await this.#find(flag);
      sending = { flag, hooks: await method.sendSetup(this.#options) };
    } catch (error) {
      this.#choice.refused(MultifdError.from(error, 'codec-unavailable', 'multifd method').message);
    }
    this.#inUse.set(flag, sending);
    return sending;
  }

  /** It has been tried in another thread: here it may still be refused. */
  async #find(flag: number): Promise<MultiFDMethods> {
    const found = (await this.#methods.all()).find((method) => method.flag === flag);
    if (found !== undefined) return found;
    throw new MultifdError('codec-unavailable', 'the method that was chosen cannot run in this thread');
  }
}
