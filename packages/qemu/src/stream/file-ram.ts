import {
  type ListedBlock,
  MAX_BLOCKS,
  type MainRecord,
  RamRecords,
  type Reading,
  readRamBody,
  type SectionRecord,
} from '@multifd/core/wire';
import { type MappedRamHeader, readHeader } from '../mapped-ram/header.js';
import type { FileReader } from './file-reader.js';
import type { StreamBlock } from './migration-file.js';
import { type PageState, PageStates } from './page-states.js';

/** Gets the pages of a single stream, in its order: what comes later counts. Offsets are bytes in the block. */
export interface RamSink {
  /** @param data one page, valid until the call returns. @param again it had come with content before. */
  page(block: string, offset: number, data: Uint8Array, again: boolean): void;
  /** A page that had come with content is zero. */
  zero(block: string, offset: number): void;
}

/** The RAM sections of a file: its blocks, and what its records say of their pages. */
export class FileRam {
  readonly #reader: FileReader;
  readonly #pageSize: number;
  readonly #mapped: boolean;
  readonly #sink: RamSink | undefined;
  readonly #records: RamRecords;
  readonly #headers = new Map<string, MappedRamHeader>();
  readonly #blocks = new Map<string, StreamBlock>();

  /** @param pageSize bytes. @param capabilities those of the file's configuration. @param sink then XBZRLE is refused. */
  constructor(reader: FileReader, pageSize: number, capabilities: readonly string[], sink?: RamSink) {
    this.#reader = reader;
    this.#sink = sink;
    this.#pageSize = pageSize;
    this.#mapped = capabilities.includes('mapped-ram');
    this.#records = new RamRecords(reader, {
      pageSize,
      maxBlocks: MAX_BLOCKS,
      addresses: capabilities.includes('x-ignore-shared'),
      ...(this.#mapped
        ? { readBehind: (block) => this.#readHeader(block) }
        : sink === undefined
          ? { onXbzrle: (name, offset) => this.#note(name, offset, 'normal') }
          : {}),
    });
  }

  /** In the order of the block list. */
  get blocks(): readonly StreamBlock[] {
    return [...this.#blocks.values()];
  }

  /** A command has announced postcopy: the block list may name page sizes (docs/wire.md, 3.1). */
  postcopyAnnounced(): void {
    this.#records.postcopyAnnounced();
  }

  /** The body of a section, and its footer. @throws WireError. */
  read(section: SectionRecord): void {
    for (const record of this.#reader.records(readRamBody(this.#reader, this.#records, section))) {
      this.#take(record);
    }
  }

  #take(record: MainRecord): void {
    switch (record.type) {
      case 'block-list':
        for (const block of record.blocks) this.#add(block);
        return;
      case 'eos':
      case 'footer':
        return;
      default:
        if (this.#mapped) throw this.#reader.fault('no record but EOS with mapped-ram', record.type);
    }
    if (record.type === 'page') {
      const { blockName, offset, data } = record;
      const again = this.#hasContent(blockName, offset);
      this.#note(blockName, offset, 'normal');
      this.#sink?.page(blockName, offset, data, again);
    } else if (record.type === 'zero') {
      for (const offset of record.offsets.subarray(0, record.count)) this.#zero(record.blockName, offset);
    }
  }

  #add(block: ListedBlock): void {
    const mapped = this.#headers.get(block.name);
    const pages = new PageStates();
    this.#blocks.set(block.name, { ...block, pages, ...(mapped === undefined ? {} : { mapped }) });
  }

  #note(name: string, offset: number, state: PageState): void {
    this.#blocks.get(name)?.pages.set(offset / this.#pageSize, state);
  }

  #zero(name: string, offset: number): void {
    const had = this.#hasContent(name, offset);
    this.#note(name, offset, 'zero');
    if (had) this.#sink?.zero(name, offset);
  }

  #hasContent(name: string, offset: number): boolean {
    return this.#blocks.get(name)?.pages.isNormal(offset / this.#pageSize) === true;
  }

  *#readHeader(block: ListedBlock): Reading<void> {
    const header = yield* readHeader(this.#reader, block, this.#pageSize);
    if (header !== undefined) this.#headers.set(block.name, header);
  }
}
