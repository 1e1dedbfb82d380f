import { MultifdError, WireError } from '../errors.js';
import { maxPayload } from '../methods/hooks.js';
import type { Receiver, Receivers } from '../methods/receivers.js';
import type { RamBlock } from '../ram/block.js';
import type { CounterRow } from '../thread/counters.js';
import type { IncomingConnection } from '../transport/incoming.js';
import { concat, hex, readU32 } from '../wire/bytes.js';
import {
  CHANNEL_MAGIC,
  COMPRESSION_MASK,
  FLAG_SYNC,
  PACKET_PREFIX_SIZE,
  packetHeaderSize,
} from '../wire/layout.js';
import { guessPageSize, LONGEST_GUESS, otherPageSize } from '../wire/page-size-guess.js';
import { createRamPacket, type RamPacket } from '../wire/ram-packet.js';
import { checkRamPacket, checkZeroRuns } from '../wire/ram-packet-check.js';
import { peekFlags, RamPacketDecoder } from '../wire/ram-packet-decode.js';
import type { DestinationControl } from './control.js';
import { LentPayload } from './lent-payload.js';
import { ChannelNumbers } from './packet-numbers.js';
import type { PageSink } from './page-sink.js';

/** One destination channel: decodes and validates each packet, then receives its pages. */
export class RecvChannel {
  readonly #connection: IncomingConnection;
  readonly #channel: number;
  readonly #control: DestinationControl;
  readonly #sink: PageSink;
  readonly #receivers: Receivers;
  readonly #counters: CounterRow;
  readonly #pageSize: number;
  readonly #headerSize: number;
  readonly #packet: RamPacket;
  readonly #decoder: RamPacketDecoder;
  readonly #numbers = new ChannelNumbers();
  /** The first packet's header: it can reveal that the source uses another page size. */
  #first: Uint8Array = new Uint8Array(0);
  /** Number of packets before the current one: names that packet in messages. */
  #packets = 0;

  constructor(
    connection: IncomingConnection,
    channel: number,
    control: DestinationControl,
    sink: PageSink,
    receivers: Receivers,
    counters: CounterRow,
    pageSize: number,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#control = control;
    this.#sink = sink;
    this.#receivers = receivers;
    this.#counters = counters;
    this.#pageSize = pageSize;
    this.#headerSize = packetHeaderSize(pageSize);
    this.#packet = createRamPacket(pageSize);
    this.#decoder = new RamPacketDecoder(pageSize, connection.where);
  }

  /** Receives until the source closes the channel or the migration is over. */
  async run(): Promise<void> {
    let syncs = 0;
    // Most packets of zero pages are here already: they wait for nothing, and take no turn of the event loop.
    while (this.#stagedHeader() || (await this.#nextHeader())) {
      const { flags, normalPages, zeroPages, zeroRuns } = this.#packet;
      // QEMU up to 8.2 sets SYNC on packets with pages: receive the pages first (docs/wire.md, 4.3).
      if (normalPages + zeroPages > 0) {
        const receiver = this.#receivers.known(this.#packet) ?? (await this.#setUpReceiver());
        const begun = this.#begin();
        const block = begun instanceof Promise ? await begun : begun;
        if (normalPages > 0) await this.#receivePayload(block, receiver);
        this.#sink.received(this.#packet);
      } else if (zeroRuns > 0) this.#receiveRuns();
      this.#packets++;
      this.#numbers.add(this.#packet);
      if ((flags & FLAG_SYNC) === 0) continue;
      this.#sink.intact();
      const reached = this.#control.reachSync(this.#channel, ++syncs, this.#numbers);
      if (!(await this.#connection.watched(reached, () => this.#control.gone(this.#channel)))) {
        // Surplus SYNCs at the end have no counterpart on main (docs/wire.md, 3.2).
        return this.#connection.drain();
      }
    }
    this.#control.close(this.#channel);
  }

  /** Decodes the next packet's header if it has arrived; false if not. */
  #stagedHeader(): boolean {
    // The first two packets are looked at more closely.
    const header = this.#packets < 2 ? undefined : this.#connection.staged(this.#headerSize);
    if (header === undefined) return false;
    this.#decoder.decode(header, this.#packet);
    this.#connection.skip(this.#headerSize);
    return true;
  }

  /** Decodes the next packet's header; false if the source has closed the channel. */
  async #nextHeader(): Promise<boolean> {
    const prefix = await this.#connection.peek(PACKET_PREFIX_SIZE);
    if (prefix === undefined) return false;
    // After the first packet, a SYNC, another page size shows: the magic is not where this end expects it.
    if (this.#packets === 1) await this.#checkPageSize(prefix);
    peekFlags(prefix, this.#where);
    const header = await this.#connection.peek(this.#headerSize);
    if (header === undefined) return false;
    if (this.#packets === 0) this.#first = header.slice();
    this.#decoder.decode(header, this.#packet);
    this.#connection.skip(this.#headerSize);
    return true;
  }

  /**
   * @throws WireError `incompatible` if no packet begins here, but one begins where another page size would put it.
   */
  async #checkPageSize(prefix: Uint8Array): Promise<void> {
    if (readU32(prefix, 0) === CHANNEL_MAGIC) return;
    const inside = guessPageSize(this.#first);
    const size = inside ?? guessPageSize(concat(this.#first, await this.#soon()));
    if (size !== undefined && size !== this.#pageSize) throw otherPageSize(this.#where, this.#pageSize, size);
  }

  /** The following bytes, up to the length of a packet of small pages; none if the connection ends before. */
  async #soon(): Promise<Uint8Array> {
    try {
      return (await this.#connection.peek(LONGEST_GUESS - this.#headerSize)) ?? new Uint8Array(0);
    } catch {
      return new Uint8Array(0);
    }
  }

  /** Checks a packet with runs of zero pages, and passes them on. */
  #receiveRuns(): void {
    const packet = this.#packet;
    if (this.#sink.zeroRuns === undefined) {
      throw this.#fault('flags', 8, 'no zero runs, which this end did not offer to take', hex(packet.flags));
    }
    checkZeroRuns(packet, this.#block(), this.#pageSize, this.#packetName);
    this.#sink.zeroRuns(packet);
  }

  /** The packet's block. */
  #block(): { readonly name: string; readonly length: number } {
    const { blockName } = this.#packet;
    const block = this.#sink.find(blockName);
    if (block === undefined) throw this.#fault('block name', 64, 'a block of the block list', blockName);
    return block;
  }

  /** Checks a packet with pages, and returns the block that receives them. */
  #begin(): RamBlock | Promise<RamBlock> {
    const packet = this.#packet;
    checkRamPacket(packet, this.#block(), this.#pageSize, this.#packetName);
    return this.#sink.begin(packet);
  }

  /** Sets up the method of a channel's first packet of it; counted as the method's work. */
  async #setUpReceiver(): Promise<Receiver> {
    this.#counters.coding(this.#compression);
    try {
      return await this.#receivers.of(this.#packet, this.#packetName);
    } finally {
      this.#counters.idle();
    }
  }

  async #receivePayload(block: RamBlock, { name, hooks }: Receiver): Promise<void> {
    const { normalPages: count, payloadSize, offsets } = this.#packet;
    const most = maxPayload(this.#packetName, name, hooks, count);
    if (payloadSize > most) throw this.#fault('payload size', 20, `at most ${most}`, `${payloadSize}`);
    const payload = this.#lend();
    try {
      await hooks.recv({ block, offsets, count, payloadSize }, payload);
    } catch (cause) {
      throw cause === payload.failure ? cause : this.#refused(name, cause);
    } finally {
      payload.takeBack();
    }
    if (payload.remaining > 0) {
      throw this.#fault('payload size', 20, `${payloadSize - payload.remaining}`, `${payloadSize}`);
    }
  }

  /** The method's error for a payload, prefixed with channel and packet. */
  #refused(method: string, cause: unknown): MultifdError {
    const { code, message, hint } = MultifdError.from(cause, 'protocol', method);
    const options = hint === undefined ? { cause } : { cause, hint };
    return new MultifdError(code, `${this.#packetName}: ${message}`, options);
  }

  #lend(): LentPayload {
    const { payloadSize: size, normalPages } = this.#packet;
    const tooShort = (wanted: number): MultifdError =>
      this.#fault('payload size', 20, `at least ${wanted} for ${normalPages} pages`, `${size}`);
    const packet = { connection: this.#connection, size, flag: this.#compression, tooShort };
    return new LentPayload(packet, this.#counters);
  }

  get #compression(): number {
    return this.#packet.flags & COMPRESSION_MASK;
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
