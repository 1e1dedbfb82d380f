import { COMPRESSION_MASK } from '../wire/layout.js';
import type { RamPacket } from '../wire/ram-packet.js';
import { checkCompression } from '../wire/ram-packet-check.js';
import type { ChannelMethods } from './automatic.js';
import { openRecvHooks } from './hooks.js';
import type { MethodOptions, MultiFDMethods, RecvHooks } from './methods.js';

/** A method that a channel has received packets of. */
export interface Receiver {
  readonly name: string;
  readonly hooks: RecvHooks;
}

/**
 * The receiving methods of one channel; a packet's flags select one. The first is set up at once, each other with its
 * first packet.
 */
export class Receivers {
  readonly #methods: ChannelMethods;
  readonly #options: MethodOptions;
  /** By compression bits. */
  readonly #inUse = new Map<number, Receiver>();

  private constructor(methods: ChannelMethods, options: MethodOptions) {
    this.#methods = methods;
    this.#options = options;
  }

  /** @throws as `openRecvHooks`, of the first method. */
  static async open(methods: ChannelMethods, options: MethodOptions): Promise<Receivers> {
    const receivers = new Receivers(methods, options);
    await receivers.#setUp(methods.first);
    return receivers;
  }

  /**
   * The method that made a packet; undefined if it has not been set up.
   * @param packet one with pages: only those name their method (docs/wire.md, 4.3).
   */
  known(packet: RamPacket): Receiver | undefined {
    return this.#inUse.get(packet.flags & COMPRESSION_MASK);
  }

  /**
   * The method that made a packet, set up if it was not `known`.
   * @throws WireError `incompatible` for a method that this end does not accept; as `openRecvHooks`.
   */
  async of(packet: RamPacket, where: string): Promise<Receiver> {
    return this.known(packet) ?? this.#setUp(checkCompression(packet, await this.#methods.all(), where));
  }

  async cleanup(): Promise<void> {
    for (const { hooks } of this.#inUse.values()) await hooks.cleanup();
  }

  async #setUp(method: MultiFDMethods): Promise<Receiver> {
    const receiver = { name: method.name, hooks: await openRecvHooks(method, this.#options) };
    this.#inUse.set(method.flag, receiver);
    return receiver;
  }
}
