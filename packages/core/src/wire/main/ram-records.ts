import { hex, readU32 } from '../bytes.js';
import { RAM_SAVE_FLAG } from '../layout.js';
import { quote } from '../text.js';
import { type BlockListLimits, isBlockPageSize, readBlockList } from './block-list.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { MainRecord } from './records.js';
import { MAX_ZERO_RUN, readZeroRun, ZERO_RECORD_SIZE } from './zero-run.js';

/** Reads records; yields `undefined` whenever it needs another chunk. */
export type Steps = Generator<MainRecord | undefined, void, unknown>;

const { ZERO, MEM_SIZE, PAGE, EOS, CONTINUE, XBZRLE, HOOK, COMPRESS_PAGE, MULTIFD_FLUSH } = RAM_SAVE_FLAG;

/** First byte of an XBZRLE record's content: `ENCODING_FLAG_XBZRLE`. */
const XBZRLE_HEADER = 1;

/** Flags of features that this end lacks, and what to do about each. */
const REFUSED: readonly { readonly flag: number; readonly name: string; readonly hint: string }[] = [
  { flag: XBZRLE, name: 'XBZRLE', hint: 'turn xbzrle off on the source' },
  { flag: HOOK, name: 'HOOK (RDMA)', hint: 'migrate over tcp or unix, not rdma' },
  { flag: COMPRESS_PAGE, name: 'COMPRESS_PAGE', hint: 'turn the capability compress off on the source' },
];

interface Block {
  readonly name: string;
  /** Greatest byte offset of a page. */
  readonly last: number;
}

/** Limits of RAM sections. */
export interface RamLimits extends BlockListLimits {
  /**
   * Called for each XBZRLE record, whose content is skipped: for a reader that only lists a stream's content.
   * `offset` in bytes, checked. Without it such a record is refused.
   */
  readonly onXbzrle?: (blockName: string, offset: number) => void;
}

/** Reads the bodies of RAM sections (docs/wire.md, 3). Keeps the block list and the block of the last record. */
export class RamRecords {
  readonly #reader: ByteReader;
  readonly #limits: RamLimits;
  readonly #pageSize: number;
  readonly #offsets = new Float64Array(MAX_ZERO_RUN);
  #blocks: Map<string, Block> | undefined;
  #current: Block | undefined;
  #postcopy = false;

  constructor(reader: ByteReader, limits: RamLimits) {
    this.#reader = reader;
    this.#limits = limits;
    this.#pageSize = limits.pageSize;
  }

  /** The source has announced postcopy: its block list may name page sizes (docs/wire.md, 3.1). */
  postcopyAnnounced(): void {
    this.#postcopy = true;
  }

  /**
   * Reads one section's records, including EOS.
   * @throws WireError `protocol`; `incompatible` for features of QEMU that this end lacks.
   */
  *body(): Steps {
    const reader = this.#reader;
    let behindList = false;
    for (;;) {
      const word = yield* reader.take(8, 'record');
      const high = readU32(word, 0);
      const low = readU32(word, 4);
      const flags = low & (this.#pageSize - 1);
      const offset = high * 2 ** 32 + (low - flags);
      if (offset > Number.MAX_SAFE_INTEGER) throw reader.fault('an offset below 2^53', `about ${offset}`);
      // The block list comes first, and only once: without it no record can be checked.
      if ((flags === MEM_SIZE) === (this.#blocks !== undefined)) {
        const expected = this.#blocks === undefined ? 'the block list (MEM_SIZE)' : 'no second block list';
        throw reader.fault(expected, hex(flags));
      }
      if (behindList && this.#postcopy && flags === 0 && isBlockPageSize(offset)) {
        behindList = false;
        continue;
      }
      behindList = flags === MEM_SIZE;
      switch (flags) {
        case ZERO:
        case ZERO | CONTINUE:
          yield* this.#zero(offset, flags);
          break;
        case PAGE:
        case PAGE | CONTINUE: {
          const { name } = yield* this.#block(offset, flags);
          yield {
            type: 'page',
            blockName: name,
            offset,
            data: yield* reader.take(this.#pageSize, 'page data'),
          };
          break;
        }
        case MEM_SIZE:
          yield* this.#blockList(offset);
          break;
        case MULTIFD_FLUSH:
          this.#requireNoOffset(offset, 'MULTIFD_FLUSH');
          yield { type: 'flush' };
          break;
        case EOS:
          this.#requireNoOffset(offset, 'EOS');
          yield { type: 'eos' };
          return;
        case XBZRLE:
        case XBZRLE | CONTINUE:
          yield* this.#xbzrle(offset, flags);
          break;
        default:
          throw this.#unknown(flags);
      }
    }
  }

  *#blockList(totalBytes: number): Steps {
    const record = yield* readBlockList(this.#reader, totalBytes, this.#limits, this.#postcopy);
    this.#blocks = new Map();
    for (const { name, length } of record.blocks) {
      this.#blocks.set(name, { name, last: length - this.#pageSize });
    }
    yield record;
  }

  *#zero(offset: number, flags: number): Steps {
    const reader = this.#reader;
    const block = yield* this.#block(offset, flags);
    const fill = yield* reader.u8('fill');
    if (fill !== 0) throw reader.fault('0', `${fill}`);
    this.#offsets[0] = offset;
    const count = readZeroRun(reader.rest(), this.#offsets, 1, this.#pageSize, block.last);
    reader.skip((count - 1) * ZERO_RECORD_SIZE);
    yield { type: 'zero', blockName: block.name, offsets: this.#offsets, count };
  }

  *#xbzrle(offset: number, flags: number): Reading<void> {
    const reader = this.#reader;
    const { onXbzrle } = this.#limits;
    if (onXbzrle === undefined) throw this.#unknown(flags);
    const { name } = yield* this.#block(offset, flags);
    const kind = yield* reader.u8('xbzrle header');
    if (kind !== XBZRLE_HEADER) throw reader.fault(`${XBZRLE_HEADER}`, `${kind}`);
    yield* reader.take(yield* reader.u16('xbzrle length'), 'xbzrle page');
    onXbzrle(name, offset);
  }

  /** The block of the record that has just begun; checks its offset. */
  *#block(offset: number, flags: number): Reading<Block> {
    const reader = this.#reader;
    const at = reader.start;
    let block = this.#current;
    if ((flags & CONTINUE) === 0) {
      const name = yield* reader.pstr('block name');
      block = this.#blocks?.get(name);
      if (block === undefined) throw reader.fault('a block of the block list', quote(name));
      this.#current = block;
    } else if (block === undefined) {
      throw reader.fault('a block name in the first record', 'CONTINUE');
    }
    if (offset > block.last) {
      reader.field = 'page offset';
      reader.start = at;
      throw reader.fault(`at most ${block.last}, in block ${quote(block.name)}`, `${offset}`);
    }
    return block;
  }

  #requireNoOffset(offset: number, name: string): void {
    if (offset !== 0) throw this.#reader.fault(`offset 0 in ${name}`, `${offset}`);
  }

  #unknown(flags: number): Error {
    const refused = REFUSED.find(({ flag }) => (flags & flag) !== 0);
    if (refused === undefined) return this.#reader.fault('a known record', `flags ${hex(flags)}`);
    const got = `${refused.name}, flags ${hex(flags)}`;
    return this.#reader.fault('a record that this end can read', got, 'incompatible', refused.hint);
  }
}
