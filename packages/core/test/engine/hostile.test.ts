import { type MemoryBlockDescriptor, openRamBlockSync, receive } from '@multifd/core';
import { createRandom, type Random, testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { MIB, windowOf } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const seed = testSeed();
const PAGE = 4096;
const CANARY = 0xee;
const LENGTH = MIB;
/** Bytes that make a connection a source's: up to START's header, and up to the first packet's flags. */
const MAIN_PROOF = 39;
const CHANNEL_PROOF = 76;
const sources: RawSource[] = [];

afterEach(() => {
  for (const source of sources.splice(0)) source.close();
});

/** A block full of canaries, in a segment that is longer than the block. */
function guardedBlock(): MemoryBlockDescriptor {
  const segment = new SharedArrayBuffer(LENGTH + 16 * PAGE);
  new Uint8Array(segment).fill(CANARY);
  return { kind: 'memory', name: 'pc.ram', length: LENGTH, segmentSize: 2 ** 30, segments: [segment] };
}

/** Every page offset that eight bytes anywhere in the stream could name. */
function namedPages(streams: readonly Uint8Array[]): Set<number> {
  const named = new Set<number>();
  for (const bytes of streams) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + 8 <= bytes.length; at++) {
      if (view.getUint32(at) !== 0) continue;
      const offset = view.getUint32(at + 4);
      if (offset < LENGTH) named.add(Math.floor(offset / PAGE));
    }
  }
  return named;
}

function validStreams(random: Random): { main: Uint8Array; channel: Uint8Array } {
  const some = (): number[] => Array.from({ length: 1 + random.int(4) }, () => random.int(200) * PAGE);
  const packets = Array.from({ length: 1 + random.int(3) }, () =>
    raw.packet({ block: 'pc.ram', normal: some(), zero: some(), fill: 0x11, sync: random.int(5) === 0 }),
  );
  const body = Buffer.concat([
    raw.zeroRecord(random.int(200) * PAGE, 'pc.ram'),
    raw.pageRecord(random.int(200) * PAGE, 0x22),
    raw.flush,
  ]);
  return {
    main: Buffer.concat([
      raw.header(),
      raw.returnPath(),
      raw.start([{ name: 'pc.ram', length: LENGTH }]),
      raw.part('part', body),
      raw.part('end'),
      raw.end(),
    ]),
    channel: Buffer.concat([raw.init(0), raw.sync(), ...packets, raw.sync(), raw.sync()]),
  };
}

/** Changes, cuts, repeats or inserts bytes, mostly in headers. The first `keep` bytes stay. */
function mutate(random: Random, bytes: Uint8Array, keep: number): Uint8Array {
  let result: Uint8Array = Uint8Array.from(bytes);
  for (let count = 1 + random.int(3); count > 0; count--) {
    const at = keep + random.int(Math.min(random.int(2) === 0 ? 1800 : 1e9, result.length - keep));
    const way = random.int(6);
    if (way === 0) result[at] = random.int(256);
    else if (way === 1) result[at] = (result[at] ?? 0) ^ (1 << random.int(8));
    else if (way === 2) {
      // A Buffer refuses an end behind its own.
      const end = Math.min(result.length, at + 1 + random.int(8));
      result.fill([0, 0xff, 0x7f][random.int(3)] ?? 0, at, end);
    } else if (way === 3) result = result.subarray(0, at);
    else if (way === 4)
      result = Buffer.concat([result.subarray(0, at), random.bytes(random.int(40)), result.subarray(at)]);
    else
      result.copyWithin(at, keep + random.int(result.length - keep), keep + random.int(result.length - keep));
    if (result.length <= keep) return result;
  }
  return result;
}

describe(`a hostile source (MULTIFD_SEED=${seed})`, () => {
  it('never hangs us, never kills us, never writes where it did not name', async () => {
    const random = createRandom(seed);
    const ends = new Map<string, number>();
    const wave = async (round: number): Promise<void> => {
      const valid = validStreams(random);
      const target = random.int(3);
      const main =
        target === 0 ? valid.main : mutate(random, valid.main, random.int(8) === 0 ? 0 : MAIN_PROOF);
      const channel =
        target === 1 ? valid.channel : mutate(random, valid.channel, random.int(8) === 0 ? 0 : CHANNEL_PROOF);
      const block = guardedBlock();
      const incoming = await receive({
        listen: 'tcp:127.0.0.1:0',
        parameters: { multifdChannels: 1, setupTimeout: 600, idleTimeout: 600, stallTimeout: 600 },
        openRam: () => ({ blocks: [block], allZero: false }),
        // A connection of which nothing remains is nobody's: then nothing else ends this.
        signal: AbortSignal.timeout(1500),
      });
      const source = new RawSource(incoming.address);
      sources.push(source);
      await source.open(channel);
      const stream = await source.open(main);
      if (random.int(2) === 0) stream.end();
      const outcome = await outcomeOf(incoming.result, `round ${round} of MULTIFD_SEED=${seed}`, 20_000);
      source.close();
      if (outcome.ok) ends.set('completed', (ends.get('completed') ?? 0) + 1);
      else {
        const { code } = expectFailure(outcome, [
          'protocol',
          'incompatible',
          'peer-closed',
          'timeout',
          'cancelled',
        ]);
        ends.set(code, (ends.get(code) ?? 0) + 1);
      }
      const named = namedPages([main, channel]);
      const memory = new Uint8Array(block.segments[0] ?? new SharedArrayBuffer(0));
      for (let page = 0; page < memory.length / PAGE; page++) {
        if (page < LENGTH / PAGE && named.has(page)) continue;
        const bytes = memory.subarray(page * PAGE, (page + 1) * PAGE);
        if (!bytes.every((byte) => byte === CANARY)) {
          throw new Error(`round ${round}, MULTIFD_SEED=${seed}: page ${page} was written and never named`);
        }
      }
    };
    for (let round = 0; round < 80; round += 4) {
      await Promise.all([wave(round), wave(round + 1), wave(round + 2), wave(round + 3)]);
    }
    // The streams were good enough to be read far, and bad enough to be refused.
    expect(ends.get('protocol') ?? 0, JSON.stringify([...ends])).toBeGreaterThan(5);
    expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBe(80);
  });

  it('an unchanged stream is accepted: the fuzzing starts from something valid', async () => {
    const random = createRandom(seed + 1);
    for (let round = 0; round < 5; round++) {
      const { main, channel } = validStreams(random);
      const block = guardedBlock();
      const incoming = await receive({
        listen: 'tcp:127.0.0.1:0',
        parameters: { multifdChannels: 1 },
        openRam: () => ({ blocks: [block], allZero: false }),
      });
      const source = new RawSource(incoming.address);
      sources.push(source);
      await source.open(main);
      // SYNC may ride on a packet with pages, so one more at the end may be surplus.
      await source.open(channel);
      const outcome = await outcomeOf(incoming.result, `round ${round}`);
      if (!outcome.ok) throw outcome.error;
      expect(windowOf(openRamBlockSync(block), 255 * PAGE, PAGE).every((byte) => byte === CANARY)).toBe(true);
    }
  });
});
