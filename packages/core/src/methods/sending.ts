import { MultifdError } from '../errors.js';
import type { ChannelMethods } from './automatic.js';
import { openSendHooks, prepare } from './hooks.js';
import type { MethodOptions, MultiFDMethods, OutgoingPages, PreparedPayload, SendHooks } from './methods.js';
import { noneMethod } from './none.js';

/** Chooses the method of a channel's next packet. */
export interface MethodChoice {
  /** The channel, for messages. */
  readonly where: string;
  /** Flag of the chosen method; 0, the first method, until one is chosen. Other threads may change it at any time. */
  chosen(): number;
  /**
   * Whether the guest may be paused: then a channel loads nothing more, and if it has not set up the chosen method by
   * now it keeps using the first.
   */
  isLate(): boolean;
  /** The chosen method is unavailable in this thread, which uses the first instead. `reason`: one line. */
  refused(reason: string): void;
}

/**
 * Sets up the sending methods of one channel: the first at once, so that its failure shows before anything is sent;
 * each other with its first packet.
 *
 * @throws MultifdError `codec-unavailable` if the first method's `sendSetup` fails or gives no hooks, or the one it throws.
 */
export async function setUpSending(
  methods: ChannelMethods,
  options: MethodOptions,
  choice: MethodChoice,
): Promise<SendingMethods> {
  const first: Sending = { method: methods.first, hooks: await openSendHooks(methods.first, options) };
  return new ChosenSending(first, methods, options, choice);
}

/** One packet's payload, and the flag of the method that made it. */
export interface CodedPayload extends PreparedPayload {
  readonly flag: number;
}

/** The sending methods of one channel, from `setUpSending`. */
export interface SendingMethods {
  prepare(pages: OutgoingPages): Promise<CodedPayload>;
  cleanup(): Promise<void>;
}

/** A method in use by a channel. */
interface Sending {
  readonly method: MultiFDMethods;
  readonly hooks: SendHooks;
}

class ChosenSending implements SendingMethods {
  readonly #first: Sending;
  readonly #methods: ChannelMethods;
  readonly #options: MethodOptions;
  readonly #choice: MethodChoice;
  /** By `MethodChoice.chosen`. */
  readonly #inUse: Map<number, Sending>;

  constructor(first: Sending, methods: ChannelMethods, options: MethodOptions, choice: MethodChoice) {
    this.#first = first;
    this.#methods = methods;
    this.#options = options;
    this.#choice = choice;
    this.#inUse = new Map([[0, first]]);
  }

  async prepare(pages: OutgoingPages): Promise<CodedPayload> {
    const found = this.#method(this.#choice.chosen());
    // Without a wait the method is called right behind the caller's heartbeat, which names it if it hangs.
    const { method, hooks } = found instanceof Promise ? await found : found;
    const payload =
      method === noneMethod
        ? await hooks.prepare(pages)
        : await prepare(this.#choice.where, method, hooks, pages);
    return { ...payload, flag: method.flag };
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
      sending = { method, hooks: await openSendHooks(method, this.#options) };
    } catch (error) {
      this.#choice.refused(MultifdError.from(error, 'codec-unavailable', 'multifd method').message);
    }
    this.#inUse.set(flag, sending);
    return sending;
  }

  /** Loads the chosen method. The trial ran in another thread: it may still fail in this one. */
  async #find(flag: number): Promise<MultiFDMethods> {
    const found = (await this.#methods.all()).find((method) => method.flag === flag);
    if (found !== undefined) return found;
    throw new MultifdError('codec-unavailable', 'the method that was chosen cannot run in this thread');
  }
}
