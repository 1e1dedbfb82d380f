import assert from 'node:assert/strict';
import type { PreparedPayload, RecvHooks, SendHooks } from '@multifd/core/codec';
import { inTime } from '../in-time.js';
import { TestBlock } from './block.js';
import { type CodecContext, mostPages } from './case.js';
import { TestPayload } from './payload.js';

/** A packet on its way. */
export interface Sent {
  readonly offsets: readonly number[];
  readonly prepared: PreparedPayload;
}

/** Both ends of one channel, driven as core drives them. */
export class TestChannel {
  readonly pageSize: number;
  readonly #timeout: number;
  readonly #send: SendHooks;
  readonly #recv: RecvHooks;

  private constructor(context: CodecContext, send: SendHooks, recv: RecvHooks) {
    this.pageSize = context.pageSize;
    this.#timeout = context.timeout;
    this.#send = send;
    this.#recv = recv;
  }

  static async open(context: CodecContext, channel = 0): Promise<TestChannel> {
    const { method, pageSize, settings, timeout } = context;
    const options = { channel, pageSize, maxPages: mostPages(pageSize) };
    const send = await inTime(method.sendSetup({ ...options, settings }), timeout, 'sendSetup');
    const recv = await inTime(method.recvSetup({ ...options, settings: {} }), timeout, 'recvSetup');
    return new TestChannel(context, send, recv);
  }

  /**
   * Prepares a packet of the pages of `memory`, which lie side by side there.
   * @param offsets where they are in the guest's block. Neighbours become one vector, as in core.
   */
  async prepare(memory: Uint8Array, offsets: readonly number[]): Promise<Sent> {
    const { pageSize } = this;
    const list = new Float64Array(mostPages(pageSize)).fill(Number.NaN);
    list.set(offsets);
    const before = Float64Array.from(list);
    const vectors: Uint8Array[] = [];
    for (let first = 0; first < offsets.length; ) {
      let end = first + 1;
      while (end < offsets.length && offsets[end] === (offsets[first] ?? 0) + (end - first) * pageSize) end++;
      vectors.push(memory.subarray(first * pageSize, end * pageSize));
      first = end;
    }
    const block = new TestBlock(offsets, pageSize);
    const pages = { block, offsets: list, count: offsets.length, vectors };
    const prepared = await inTime(this.#send.prepare(pages), this.#timeout, 'prepare');
    const total = prepared.vectors.reduce((sum, vector) => sum + vector.length, 0);
    assert.equal(prepared.size, total, 'size is not that of the vectors');
    assert.deepEqual(list, before, 'prepare wrote to offsets');
    const most = this.maxPayload(offsets.length);
    assert.ok(
      prepared.size <= most,
      `a payload of ${prepared.size} bytes, of which the receiver takes ${most}`,
    );
    return { offsets, prepared };
  }

  maxPayload(count: number): number {
    return this.#recv.maxPayload(count);
  }

  /** Receives a payload into `block`, as core does: reading too little of it is an error too. */
  async receive(bytes: Uint8Array, offsets: readonly number[], block: TestBlock): Promise<void> {
    const list = new Float64Array(mostPages(this.pageSize));
    list.set(offsets);
    const payload = new TestPayload(bytes);
    const incoming = { block, offsets: list, count: offsets.length, payloadSize: bytes.length };
    await inTime(this.#recv.recv(incoming, payload), this.#timeout, 'recv');
    assert.ok(!payload.refused, 'recv went on after a read that failed');
    if (payload.remaining > 0) throw new Error(`recv left ${payload.remaining} bytes of the payload`);
  }

  /** One packet from end to end. @throws AssertionError unless exactly its pages have arrived. */
  async pass(memory: Uint8Array, offsets: readonly number[], inPlace = true): Promise<void> {
    const wanted = Uint8Array.from(memory);
    const sent = await this.prepare(memory, offsets);
    assert.equal(Buffer.compare(memory, wanted), 0, 'prepare wrote to the pages');
    await this.arrive(sent, bytesOf(sent), wanted, inPlace);
    sent.prepared.release?.();
  }

  /** The receiver's half of `pass`. @param wanted the pages side by side. */
  async arrive(sent: Sent, bytes: Uint8Array, wanted: Uint8Array, inPlace = true): Promise<void> {
    const block = new TestBlock(sent.offsets, this.pageSize, inPlace);
    await this.receive(bytes, sent.offsets, block);
    block.assertOnlyWritten(sent.offsets);
    sent.offsets.forEach((offset, index) => {
      const page = wanted.subarray(index * this.pageSize, (index + 1) * this.pageSize);
      assert.equal(Buffer.compare(block.page(offset), page), 0, `page ${index} came out wrong`);
    });
  }

  async close(): Promise<void> {
    await this.closeSend();
    await inTime(this.#recv.cleanup(), this.#timeout, 'cleanup of the receiver');
  }

  async closeSend(): Promise<void> {
    await inTime(this.#send.cleanup(), this.#timeout, 'cleanup of the sender');
  }
}

/** A copy of a payload's bytes, as they are now. */
export function bytesOf({ prepared }: Sent): Uint8Array {
  return Uint8Array.from(Buffer.concat(prepared.vectors));
}

/** Opens a channel for `body`, and closes it whatever happens. */
export async function withChannel(
  context: CodecContext,
  body: (channel: TestChannel) => Promise<void>,
): Promise<void> {
  const channel = await TestChannel.open(context);
  try {
    await body(channel);
  } finally {
    await channel.close();
  }
}
