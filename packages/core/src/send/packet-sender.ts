import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { MultifdError } from '../errors.js';
import type { MultiFDMethods } from '../methods/methods.js';
import type { SendingMethods } from '../methods/sending.js';
import type { RamBlock } from '../ram/block.js';
import type { CounterRow } from '../thread/counters.js';
import type { Outgoing } from '../transport/outgoing.js';
import { FLAG_SYNC, FLAG_ZERO_RUNS, maxPagesPerPacket, PACKET_PAYLOAD_SIZE } from '../wire/layout.js';
import { createRamPacket, type RamPacket } from '../wire/ram-packet.js';
import type { SourceControl } from './control.js';
import { HeaderSlots } from './header-slots.js';
import { PAGE_ABSENT, PAGE_ZERO } from './scanned-range.js';
import { ZeroPages } from './zero-pages.js';

/** A write goes out once it has this many packets (64 KiB of headers, if they are all zero pages) … */
const PACKETS_PER_WRITE = 48;
/** … or this many bytes. */
const BYTES_PER_WRITE = 2 * 2 ** 20;
/** … or, for a method that spends time on each packet, this many: finished packets go out while it makes the next. */
const CODED_BYTES_PER_WRITE = 64 * 1024;

/** ms that a method may compute without a break before the sender yields to the event loop. */
const LONGEST_STINT = 20;

/** Sent in place of absent pages. */
const ZEROS = new Uint8Array(PACKET_PAYLOAD_SIZE);

/**
 * Collects one channel's pages into packets: normal pages and zero pages fill separate packets, and the remainder
 * shares one, normal pages first. So packets depend only on the pages and their order, never on how they were
 * checked.
 */
export class PacketSender {
  readonly #outgoing: Outgoing;
  readonly #method: MultiFDMethods;
  readonly #hooks: SendingMethods;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  #bytesPerWrite: number;
  readonly #pageSize: number;
  readonly #maxPages: number;
  readonly #packet: RamPacket;
  readonly #normal: Float64Array;
  /** 1 for each normal page that is absent. */
  readonly #absent: Uint8Array;
  readonly #zero: ZeroPages;
  #normalCount = 0;
  #block: RamBlock | undefined;
  /** Gives the bytes of this block's pages: guest memory, or a copy of a file's range. */
  #memory: ((offset: number, length: number) => Uint8Array) | undefined;
  readonly #free: HeaderSlots[] = [];
  #headers: HeaderSlots;
  #vectors: Uint8Array[] = [];
  #bytes = 0;
  #releases: (() => void)[] = [];
  /** Time of the last known turn of the event loop, ms. */
  #lastTurn = performance.now();

  constructor(
    outgoing: Outgoing,
    method: MultiFDMethods,
    hooks: SendingMethods,
    control: SourceControl,
    counters: CounterRow,
    pageSize: number,
  ) {
    this.#outgoing = outgoing;
    this.#method = method;
    this.#hooks = hooks;
    this.#control = control;
    this.#counters = counters;
    this.#bytesPerWrite = method.flag === 0 ? BYTES_PER_WRITE : CODED_BYTES_PER_WRITE;
    this.#pageSize = pageSize;
    this.#maxPages = maxPagesPerPacket(pageSize);
    this.#packet = createRamPacket(pageSize);
    this.#normal = new Float64Array(this.#maxPages);
    this.#absent = new Uint8Array(this.#maxPages);
    this.#zero = new ZeroPages(this.#maxPages, pageSize);
    this.#headers = new HeaderSlots(PACKETS_PER_WRITE, this.#pageSize);
  }

  /**
   * Sets the block of the pages that follow.
   * @param memory returns [offset, offset + length) of the block, valid until the sender is `flushed` again. Left out if no
   *   normal page follows: pages that were added before may still need the last one.
   */
  async begin(block: RamBlock, memory?: (offset: number, length: number) => Uint8Array): Promise<void> {
    if (this.#block !== block) await this.flushPackets();
    this.#block = block;
    if (memory !== undefined) this.#memory = memory;
  }

  /**
   * Adds pages, and emits a packet for each kind of page that fills one.
   * @param offsets byte offsets in the block; the first `count`.
   * @param answers for each, PAGE_NORMAL, PAGE_ZERO, or PAGE_ABSENT: absent, so zeros are sent in its place, as reading
   *   it might allocate it.
   */
  async add(offsets: Float64Array, answers: Uint8Array, count: number): Promise<void> {
    for (let index = 0; index < count; ) {
      index = this.#collect(offsets, answers, index, count);
      if (this.#normalCount === this.#maxPages) await this.#emit(this.#maxPages, 0);
      if (!this.#zero.isFull) continue;
      // Most packets of zero pages need no wait: then take no turn of the microtask queue.
      const writing = this.#zero.areRunsFull ? this.#emitRuns() : this.#emitZero(this.#maxPages);
      if (writing !== undefined) await writing;
    }
  }

  /** Collects pages from index `from` on until a packet is full. @returns the index behind the last one. */
  #collect(offsets: Float64Array, answers: Uint8Array, from: number, count: number): number {
    const most = this.#maxPages;
    const zero = this.#zero;
    const asRuns = this.takesRuns;
    let normalCount = this.#normalCount;
    let index = from;
    for (; index < count && normalCount < most && !zero.isFull; index++) {
      const offset = offsets[index] ?? 0;
      const answer = answers[index];
      if (answer !== PAGE_ZERO) {
        this.#absent[normalCount] = answer === PAGE_ABSENT ? 1 : 0;
        this.#normal[normalCount++] = offset;
      } else if (asRuns) zero.addToRuns(offset);
      else zero.addPage(offset);
    }
    this.#normalCount = normalCount;
    return index;
  }

  /** Whether the destination takes runs of zero pages: then `addZeroRange` may be called. */
  get takesRuns(): boolean {
    return this.#control.zeroRuns;
  }

  /** Adds a whole range of zero pages. Returns a promise if it has to wait. @param length bytes, at most `MAX_ZERO_RUN`. */
  addZeroRange(offset: number, length: number): Promise<void> | undefined {
    this.#zero.addRange(offset, length);
    return this.#zero.areRunsFull ? this.#emitRuns() : undefined;
  }

  /** Emits packets for every page added so far. */
  async flushPackets(): Promise<void> {
    if (this.#zero.hasRuns) await this.#emitRuns();
    const zero = this.#zero.count;
    if (this.#normalCount + zero <= this.#maxPages) {
      if (this.#normalCount + zero > 0) await this.#emit(this.#normalCount, zero);
    } else {
      await this.#emit(this.#normalCount, 0);
      await this.#emit(0, zero);
    }
  }

  /** Sends every packet so far, and waits until nothing reads the added pages any more. */
  async flushed(): Promise<void> {
    await this.flushPackets();
    await this.#write();
    await this.#outgoing.drained();
  }

  /**
   * Ends the epoch: sends everything added so far, then a SYNC packet.
   * @param last no epoch follows: a destination that has everything, main's end too, may close this channel before it
   *   says so on main.
   */
  async sync(last: boolean): Promise<void> {
    await this.flushPackets();
    this.#fill(0, 0);
    this.#packet.flags = FLAG_SYNC;
    this.#packet.pagesAllocated = 0;
    this.#packet.blockName = '';
    this.#appendHeader();
    await this.#write();
    if (!last) return;
    await this.#outgoing.drained();
    this.#outgoing.endsWhen(() => this.#control.guest !== 'source');
  }

  async #emit(normal: number, zero: number): Promise<void> {
    if (normal === 0) return this.#emitZero(zero);
    const block = this.#block;
    if (block === undefined) throw new MultifdError('internal', 'pages were added before begin');
    const packet = this.#packet;
    this.#fill(normal, zero);
    const pages = { block, offsets: packet.offsets, count: normal, vectors: this.#gather(normal) };
    this.#counters.coding(this.#method.flag);
    const payload = await this.#hooks.prepare(pages);
    this.#counters.idle();
    packet.payloadSize = payload.size;
    packet.flags = payload.flag;
    this.#bytesPerWrite = packet.flags === 0 ? BYTES_PER_WRITE : CODED_BYTES_PER_WRITE;
    if (packet.flags !== 0) await this.#wasBusy();
    this.#appendHeader();
    this.#coverHeaders();
    for (const vector of payload.vectors) this.#vectors.push(vector);
    this.#bytes += payload.size;
    if (payload.release !== undefined) this.#releases.push(payload.release);
    if (this.#isDue) await this.#write();
  }

  /** As `#emit`, of a packet without payload: most need no wait. */
  #emitZero(count: number): Promise<void> | undefined {
    this.#fill(0, count);
    this.#appendHeader();
    return this.#isDue ? this.#write() : undefined;
  }

  /** Emits a packet of runs of zero pages. */
  #emitRuns(): Promise<void> | undefined {
    this.#fill(0, 0);
    this.#packet.flags = FLAG_ZERO_RUNS;
    this.#zero.moveRunsTo(this.#packet);
    this.#appendHeader();
    return this.#isDue ? this.#write() : undefined;
  }

  /** Moves the first pages of each kind into the packet. */
  #fill(normal: number, zero: number): void {
    const packet = this.#packet;
    if (normal > 0) packet.offsets.set(this.#normal.subarray(0, normal), 0);
    if (zero > 0) this.#zero.movePagesTo(packet, normal);
    if (normal > 0) this.#normalCount = 0;
    packet.flags = this.#method.flag;
    packet.pagesAllocated = this.#maxPages;
    packet.normalPages = normal;
    packet.zeroPages = zero;
    packet.zeroRuns = 0;
    packet.payloadSize = 0;
    packet.blockName = this.#block?.name ?? '';
  }

  /** Whether what is collected should be sent. */
  get #isDue(): boolean {
    return this.#headers.isFull || this.#bytes >= this.#bytesPerWrite;
  }

  /** Yields to the event loop, so that a computing method does not starve the connection. */
  async #wasBusy(): Promise<void> {
    if (performance.now() - this.#lastTurn < LONGEST_STINT) return;
    await eventLoopTurn();
    this.#lastTurn = performance.now();
  }

  /** The bytes of the packet's first `count` pages, with adjacent pages merged into one vector. */
  #gather(count: number): Uint8Array[] {
    const vectors: Uint8Array[] = [];
    const { offsets } = this.#packet;
    const windowSize = this.#block?.windowSize ?? 1;
    for (let first = 0; first < count; ) {
      const start = offsets[first] ?? 0;
      const windowEnd = (Math.floor(start / windowSize) + 1) * windowSize;
      const absent = this.#absent[first];
      let end = start + this.#pageSize;
      let next = first + 1;
      while (next < count && offsets[next] === end && end < windowEnd && this.#absent[next] === absent) {
        end += this.#pageSize;
        next++;
      }
      const piece = absent === 1 ? ZEROS.subarray(0, end - start) : this.#memory?.(start, end - start);
      if (piece !== undefined) vectors.push(piece);
      first = next;
    }
    return vectors;
  }

  #appendHeader(): void {
    this.#packet.packetNumber = this.#control.nextPacketNumber();
    this.#bytes += this.#headers.append(this.#packet);
  }

  #coverHeaders(): void {
    const vector = this.#headers.cover();
    if (vector !== undefined) this.#vectors.push(vector);
  }

  async #write(): Promise<void> {
    this.#coverHeaders();
    if (this.#vectors.length === 0) return;
    const vectors = this.#vectors;
    const bytes = this.#bytes;
    const headers = this.#headers;
    const releases = this.#releases;
    this.#vectors = [];
    this.#bytes = 0;
    this.#releases = [];
    this.#headers = this.#free.pop() ?? new HeaderSlots(PACKETS_PER_WRITE, this.#pageSize);
    await this.#outgoing.send(vectors, bytes, () => {
      headers.clear();
      this.#free.push(headers);
      for (const release of releases) release();
    });
  }
}
