import type { IncomingConnection } from '../../channel/incoming.js';
import { MultifdError, WireError } from '../../errors.js';
import type { MultiFDMethods, PayloadReader } from '../../methods/methods.js';
import type { Receiver, Receivers } from '../../methods/receivers.js';
import type { RamBlock } from '../../ram/block.js';
import { FLAG_SYNC, maxPagesPerPacket, PACKET_PREFIX_SIZE, packetHeaderSize } from '../../wire/layout.js';
import { createRamPacket, type RamPacket } from '../../wire/ram-packet.js';
import { checkRamPacket } from '../../wire/ram-packet-check.js';
import { peekFlags, RamPacketDecoder } from '../../wire/ram-packet-decode.js';
import type { DestinationControl } from './control.js';
import type { PageSink } from './page-sink.js';

/** One destination channel: packet by packet, validate, then receive and place. */
export class IncomingChannel {
  readonly #connection: IncomingConnection;
  readonly #channel: number;
  readonly #control: DestinationControl;
  readonly #sink: PageSink;
  readonly #receivers: Receivers;
  readonly #pageSize: number;
  readonly #headerSize: number;
  readonly #packet: RamPacket;
  readonly #decoder: RamPacketDecoder;
  /** Number of packets before this one: names the packet in messages. */
  #packets = 0;

  constructor(
    connection: IncomingConnection,
    channel: number,
    control: DestinationControl,
    sink: PageSink,
    receivers: Receivers,
    pageSize: number,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#control = control;
    this.#sink = sink;
    this.#receivers = receivers;
    this.#pageSize = pageSize;
    this.#headerSize = packetHeaderSize(pageSize);
    this.#packet = createRamPacket(pageSize);
    this.#decoder = new RamPacketDecoder(pageSize, connection.where);
  }

  /** Receives until the source closes the channel, or the migration is over. */
  async run(): Promise<void> {
    let cuts = 0;
    while (await this.#nextHeader()) {
      const { flags, normalPages, zeroPages } = this.#packet;
      // QEMU up to 8.2 lets SYNC ride on a packet with pages: the pages come first (wire reference 4.3).
      if (normalPages + zeroPages > 0) await this.#receivePages();
      this.#packets++;
      if ((flags & FLAG_SYNC) === 0) continue;
      this.#sink.intact();
      if (!(await this.#control.reachCut(this.#channel, ++cuts))) {
        // Surplus SYNCs at the end have no partner on main (wire reference 3.2).
        return this.#connection.drain();
      }
    }
    this.#control.close(this.#channel);
  }

  /** Decodes the next packet's header; false if the source has closed the channel. */
  async #nextHeader(): Promise<boolean> {
    const prefix = await this.#connection.peek(PACKET_PREFIX_SIZE);
    if (prefix === undefined) return false;
    peekFlags(prefix, this.#where);
    const header = await this.#connection.peek(this.#headerSize);
    if (header === undefined) return false;
    this.#decoder.decode(header, this.#packet);
    this.#connection.skip(this.#headerSize);
    return true;
  }

  async #receivePages(): Promise<void> {
    const packet = this.#packet;
    const block = this.#sink.find(packet.blockName);
    if (block === undefined)
      throw this.#fault('block name', 64, 'a block of the block list', packet.blockName);
    const receiver = await this.#receivers.of(packet, this.#packetName);
    checkRamPacket(packet, block, this.#pageSize, this.#packetName);
    const target = await this.#sink.begin(packet);
    if (packet.normalPages > 0) await this.#receivePayload(target, receiver);
    this.#sink.placed(packet);
  }

  async #receivePayload(block: RamBlock, { name, hooks }: Receiver): Promise<void> {
    const { normalPages: count, payloadSize, offsets } = this.#packet;
    const most = hooks.maxPayload(count);
    if (payloadSize > most) throw this.#fault('payload size', 20, `at most ${most}`, `${payloadSize}`);
    const payload = this.#payloadReader(payloadSize);
    try {
      await hooks.recv({ block, offsets, count, payloadSize }, payload);
    } catch (cause) {
      throw cause === payload.failure ? cause : this.#refused(name, cause);
    }
    if (payload.remaining > 0) {
      throw this.#fault('payload size', 20, `${payloadSize - payload.remaining}`, `${payloadSize}`);
    }
  }

  /** What the method says of a payload, and where that was. */
  #refused(method: string, cause: unknown): MultifdError {
    const { code, message, hint } = MultifdError.from(cause, 'protocol', method);
    const options = hint === undefined ? { cause } : { cause, hint };
    return new MultifdError(code, `${this.#packetName}: ${message}`, options);
  }

  /** Lends the method the payload's bytes and not one more. */
  #payloadReader(size: number): LentPayload {
    const connection = this.#connection;
    const tooShort = (wanted: number): MultifdError =>
      this.#fault('payload size', 20, `at least ${wanted} for ${this.#packet.normalPages} pages`, `${size}`);
    let remaining = size;
    let failure: unknown;
    return {
      get remaining() {
        return remaining;
      },
      get failure() {
        return failure;
      },
      async read(target) {
        try {
          if (target.length > remaining) throw tooShort(size - remaining + target.length);
          remaining -= target.length;
          await connection.read(target);
        } catch (cause) {
          failure = cause;
          throw cause;
        }
      },
    };
  }

  get #where(): string {
    return this.#connection.where;
  }

  get #packetName(): string {
    return `${this.#where}, packet ${this.#packets}`;
  }

  #fault(field: string, offset: number, expected: string, got: string): WireError {
    return new WireError({ where: this.#packetName, field, offset, expected, got });
  }
}

interface LentPayload extends PayloadReader {
  /** What a `read` has thrown: the connection's or our own word, which the method has nothing to add to. */
  readonly failure: unknown;
}

/** Most pages of a packet, for a method's setup. */
export function methodOptions(
  channel: number,
  pageSize: number,
  settings: Readonly<Record<string, number | string>>,
): Parameters<MultiFDMethods['recvSetup']>[0] {
  return { channel, pageSize, maxPages: maxPagesPerPacket(pageSize), settings };
}
