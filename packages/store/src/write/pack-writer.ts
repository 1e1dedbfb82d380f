import { CHUNK_SIZE, PACK_TARGET, PACK_TARGET_CHUNKS } from '../format/layout.js';
import { packKey } from '../format/names.js';
import { type PackedChunk, PackIndex } from '../format/pack-index.js';
import type { ObjectStore } from '../objects/object-store.js';
import { ChunkPacker } from './chunk-packer.js';
import type { OwnPlace } from './messages.js';

/** Gathers chunks into packs and stores these, one while the next one fills. */
export class PackWriter {
  readonly #objects: ObjectStore;
  readonly #ids: string[] = [];
  readonly #packer = new ChunkPacker();
  /** Two packs' bytes: the one that fills, and the one that is being stored. */
  #filling: Uint8Array = Buffer.allocUnsafeSlow(PACK_TARGET + CHUNK_SIZE);
  #other: Uint8Array | undefined;
  #chunks: PackedChunk[] = [];
  #size = 0;
  #storing: Promise<void> = Promise.resolve();
  /** What `#storing` has thrown: there is no use in more. */
  #failure: { readonly cause: unknown } | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /**
   * Adds a chunk. Its bytes may change after the call.
   * @returns where it is.
   * @throws what storing an earlier pack has thrown.
   */
  async add(hash: Uint8Array, raw: Uint8Array): Promise<OwnPlace> {
    if (this.#failure !== undefined) throw this.#failure.cause;
    const bytes = this.#packer.pack(raw);
    const stored = bytes.length;
    const place = { pack: this.#ids.length, index: this.#chunks.length, stored };
    this.#filling.set(bytes, this.#size);
    this.#chunks.push({ hash: hash.slice(), stored, length: raw.length });
    this.#size += stored;
    if (this.#size >= PACK_TARGET || this.#chunks.length >= PACK_TARGET_CHUNKS) await this.#flush();
    return place;
  }

  /** Waits until all full packs are safe. @throws what storing one has thrown. */
  async settle(): Promise<void> {
    await this.#storing;
  }

  /** @returns the ids of all packs. They are safe. */
  async finish(): Promise<readonly string[]> {
    if (this.#chunks.length > 0) await this.#flush();
    await this.#storing;
    return this.#ids;
  }

  async #flush(): Promise<void> {
    const index = PackIndex.of(this.#chunks);
    const filled = this.#filling;
    const parts = [index.bytes, filled.subarray(0, this.#size)];
    this.#ids.push(index.id);
    this.#chunks = [];
    this.#size = 0;
    await this.#storing;
    this.#filling = this.#other ?? Buffer.allocUnsafeSlow(filled.length);
    this.#other = filled;
    // A pack with this name holds the same; one that is damaged is so replaced.
    this.#storing = this.#objects.put(packKey(index.id), parts).then(() => {});
    // It is waited for with the next one.
    this.#storing.catch((cause: unknown) => {
      this.#failure = { cause };
    });
  }
}
