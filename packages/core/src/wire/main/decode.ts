import { MultifdError } from '../../errors.js';
import { MAX_BLOCKS, MAX_DEVICE_STATE } from '../layout.js';
import { requirePageSize } from '../page-size.js';
import { ByteReader } from './byte-reader.js';
import { EarlySections } from './early.js';
import { RamRecords, type Steps } from './ram-records.js';
import type { MainRecord } from './records.js';
import { readSections } from './sections.js';
import { DeviceStateTail } from './tail.js';

/** virtio-mem writes one bit for each of its blocks: 64 KiB for 1 TiB in blocks of 2 MiB. */
const DEFAULT_MAX_EARLY_STATE = 16 * 2 ** 20;

export interface MainStreamOptions {
  /** Target page size in bytes. */
  readonly pageSize: number;
  /** Most bytes of device state to collect, description included. Default 256 MiB. */
  readonly maxDeviceState?: number;
  /** Most bytes of device state before the first round of RAM. Default 16 MiB. */
  readonly maxEarlyState?: number;
  /** Most RAM blocks in the block list. Default 1024. */
  readonly maxBlocks?: number;
}

/**
 * Decodes the main stream (docs/wire.md, 2, 3 and 7), in whatever chunks it arrives. One decoder reads one stream.
 * After a WireError every later call throws the same.
 */
export class MainStreamDecoder {
  readonly #reader = new ByteReader();
  readonly #tail: DeviceStateTail;
  readonly #steps: Steps;
  #iterating = false;
  #done = false;
  #failure: unknown;

  /** @throws MultifdError `usage` for a wrong page size. */
  constructor(options: MainStreamOptions) {
    const { pageSize, maxDeviceState = MAX_DEVICE_STATE, maxBlocks = MAX_BLOCKS } = options;
    requirePageSize(pageSize);
    const early = new EarlySections(this.#reader, options.maxEarlyState ?? DEFAULT_MAX_EARLY_STATE);
    this.#tail = new DeviceStateTail(this.#reader, early, maxDeviceState);
    this.#steps = readStream(
      this.#reader,
      new RamRecords(this.#reader, { pageSize, maxBlocks }),
      early,
      this.#tail,
      pageSize,
    );
  }

  /** Stream bytes consumed. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** Part of the stream at `offset`, for messages: `main stream, section ram (PART)`. */
  get place(): string {
    return this.#reader.place;
  }

  /** All of RAM has been read and the device state has not been yielded yet. */
  get isInDeviceState(): boolean {
    return this.#tail.begun && !this.#done;
  }

  /** Whether `end` would find the device state complete here. Do not call it while iterating records. */
  get mayEndHere(): boolean {
    return this.isInDeviceState && this.#tail.mayEndHere;
  }

  /**
   * The records that `chunk` completes, decoded lazily. The caller owns the chunk and must not change it until the
   * iteration ends; by then the rest has been copied. Iterate the result before the next `push` or `end`. An
   * iteration that is left early resumes with the next one. Bytes after the device state are ignored.
   * @throws MultifdError `internal` if the last iteration is not over; while iterating, WireError.
   */
  push(chunk: Uint8Array): Iterable<MainRecord> {
    this.#begin();
    this.#reader.feed(chunk);
    return this.#records();
  }

  /**
   * The peer has closed main. Yields the device state if its end was not recognized before and the stream may end
   * here; nothing if it was yielded already.
   * @throws MultifdError `internal` as `push`; while iterating, WireError if the stream ends inside anything.
   */
  end(): Iterable<MainRecord> {
    this.#begin();
    return this.#finish();
  }

  #begin(): void {
    if (this.#iterating) throw new MultifdError('internal', 'main stream: the last chunk is not decoded yet');
    this.#iterating = true;
  }

  *#records(): Generator<MainRecord, void, unknown> {
    try {
      while (!this.#done) {
        const record = this.#next();
        if (record === undefined) return;
        this.#done = record.type === 'device-state';
        yield record;
      }
    } finally {
      this.#reader.stash();
      this.#iterating = false;
    }
  }

  *#finish(): Generator<MainRecord, void, unknown> {
    yield* this.#records();
    if (this.#done) return;
    if (!this.#tail.begun) throw this.#reader.ended(`main stream ends inside ${this.#reader.part}`);
    this.#done = true;
    yield this.#tail.finish();
  }

  #next(): MainRecord | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#steps.next().value ?? undefined;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}

function* readStream(
  reader: ByteReader,
  ram: RamRecords,
  early: EarlySections,
  tail: DeviceStateTail,
  pageSize: number,
): Steps {
  yield* readSections(reader, ram, early, pageSize);
  yield* tail.read();
}
