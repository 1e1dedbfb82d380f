/** The entry of a thread that hashes chunks of a guest's RAM, and packs those that the store has not. */
import { parentPort } from 'node:worker_threads';
import { MultifdError, openRamBlock, type RamBlock } from '@multifd/core/ram';
import { digest, isSame } from '../format/hash.js';
import { CHUNK_SIZE, HASH_SIZE } from '../format/layout.js';
import { openObjects } from '../objects/open.js';
import { ChunksOfBlock } from './chunks-of-block.js';
import type { FromThread, OwnPlace, Piece, ThreadSetup, ToThread } from './messages.js';
import { PackWriter } from './pack-writer.js';
import { PIECE_CHUNKS } from './pieces.js';

const ZERO_CHUNK = new Uint8Array(CHUNK_SIZE);

class IngestThread {
  readonly #blocks: readonly RamBlock[];
  readonly #chunks: readonly ChunksOfBlock[];
  readonly #packs: PackWriter;
  /** One for each chunk of a piece, so that it stays until it is known which are taken. */
  readonly #scratch = Array.from({ length: PIECE_CHUNKS }, () => new Uint8Array(CHUNK_SIZE));
  #read: (Uint8Array | undefined)[] = [];
  #hashes = new Uint8Array(0);

  private constructor(setup: ThreadSetup, blocks: readonly RamBlock[]) {
    this.#blocks = blocks;
    this.#chunks = blocks.map((block) => new ChunksOfBlock(block, setup.pageSize));
    this.#packs = new PackWriter(openObjects(setup.place));
  }

  static async open(setup: ThreadSetup): Promise<IngestThread> {
    return new IngestThread(setup, await Promise.all(setup.blocks.map((block) => openRamBlock(block))));
  }

  async handle(message: Exclude<ToThread, { readonly type: 'open' }>): Promise<FromThread> {
    switch (message.type) {
      case 'arrived':
        this.#chunks.forEach((chunks, index) => {
          const received = message.received[index];
          if (received === undefined) throw new MultifdError('internal', `RAM block ${index}: no bitmap`);
          chunks.arrived(received);
        });
        return { type: 'ready' };
      case 'piece':
        return { type: 'hashed', hashes: this.#hash(message.piece) };
      case 'take':
        return this.#pack(message.taken);
      case 'settle':
        await this.#packs.settle();
        return { type: 'ready' };
      case 'finish': {
        const packs = await this.#packs.finish();
        for (const block of this.#blocks) block.intact?.();
        for (const block of this.#blocks) block.close();
        return { type: 'finished', packs };
      }
    }
  }

  #hash({ block, first, count, wanted }: Piece): Uint8Array {
    const chunks = this.#chunks[block];
    if (chunks === undefined) throw new MultifdError('internal', `no block ${block}`);
    this.#hashes = new Uint8Array(count * HASH_SIZE);
    this.#read = [];
    for (let index = 0; index < count; index++) {
      const scratch = this.#scratch[index] ?? new Uint8Array(CHUNK_SIZE);
      const raw = wanted[index] === 1 ? chunks.read(first + index, scratch) : undefined;
      const isZero = raw === undefined || isSame(raw, ZERO_CHUNK.subarray(0, raw.length));
      this.#read.push(isZero ? undefined : raw);
      if (!isZero) this.#hashes.set(digest(raw), index * HASH_SIZE);
    }
    return this.#hashes;
  }

  async #pack(taken: Uint8Array): Promise<FromThread> {
    const places: OwnPlace[] = [];
    for (const [index, raw] of this.#read.entries()) {
      if (raw === undefined || taken[index] !== 1) continue;
      const hash = this.#hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      places.push(await this.#packs.add(hash, raw));
    }
    return { type: 'packed', places };
  }
}

const port = parentPort;
if (port === null) throw new MultifdError('internal', 'not an ingest thread');
let thread: IngestThread | undefined;

async function answerTo(message: ToThread): Promise<FromThread> {
  if (message.type === 'open') {
    thread = await IngestThread.open(message.setup);
    return { type: 'ready' };
  }
  if (thread === undefined) throw new MultifdError('internal', 'an ingest thread was not opened');
  return thread.handle(message);
}

port.on('message', async (message: ToThread) => {
  let answer: FromThread;
  try {
    answer = await answerTo(message);
  } catch (error) {
    answer = { type: 'failed', error: MultifdError.from(error, 'io', 'cannot store the guest').toReport() };
  }
  port.postMessage(answer);
});
