import {
  announcesPostcopy,
  FOOTER_SIZE,
  MAIN_VERSION,
  MAX_DEVICE_STATE,
  RAM_IDSTR,
  readAnyCommand,
  readConfiguration,
  readEmptyLive,
  readFileHeader,
  readFooter,
  readIdentity,
  readRamHeader,
  readRamIdentity,
  readSectionName,
  SECTION,
} from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';
import type { DeviceDescription } from './description.js';
import type { StreamEnd } from './ends.js';
import { FileRam, type RamSink } from './file-ram.js';
import { FileReader } from './file-reader.js';
import type { MigrationFile, ReadOptions, StreamDevice, StreamSection } from './migration-file.js';
import { checkPageSize } from './page-size.js';

/** Reads a migration file that ends at a given place. One reader reads once. */
export class Reader {
  readonly #source: ByteSource;
  readonly #reader: FileReader;
  readonly #options: ReadOptions;
  readonly #end: StreamEnd;
  readonly #sink: RamSink | undefined;
  readonly #sections: StreamSection[] = [];
  readonly #devices: StreamDevice[] = [];
  /** What stands before the START section of RAM, and between it and the first round, as it is in the file. */
  readonly #beforeRam: Uint8Array[] = [];
  readonly #early: Uint8Array[] = [];
  #described: DeviceDescription[] = [];
  #ramId: number | undefined;
  /** The first PART or END was met: from here to the end of RAM nothing else can be kept at its place. */
  #inRounds = false;
  #tailStart: number | undefined;
  #stateAt: number | undefined;
  #ramEnd: number | undefined;

  /** @param sink gets the pages; without it they are counted. */
  constructor(source: ByteSource, options: ReadOptions, end: StreamEnd, sink?: RamSink) {
    this.#source = source;
    this.#sink = sink;
    this.#end = end;
    this.#options = options;
    this.#reader = new FileReader(source, options.offset);
  }

  /** Yields between sections the byte of the file that comes next. */
  *read(): Generator<number, MigrationFile> {
    const reader = this.#reader;
    const { description, end } = this.#end;
    reader.run(readFileHeader(reader));
    this.#described = [...(description?.value.devices ?? [])];
    const otherwise = description?.value.pageSize ?? this.#options.pageSize ?? 4096;
    checkPageSize(otherwise, this.#source.name);
    const { record, nextType } = reader.run(readConfiguration(reader, undefined));
    const { type: _, ...configuration } = record;
    const { targetPageBits, capabilities } = record;
    const pageSize = targetPageBits === undefined ? otherwise : 2 ** targetPageBits;
    const ram = new FileRam(reader, pageSize, capabilities, this.#sink);
    yield* this.#readSections(ram, nextType);
    return {
      version: MAIN_VERSION,
      ...configuration,
      pageSize,
      blocks: ram.blocks,
      sections: this.#sections,
      devices: this.#devices,
      beforeRam: new Uint8Array(Buffer.concat(this.#beforeRam)),
      earlyState: new Uint8Array(Buffer.concat(this.#early)),
      deviceState: this.#deviceState(),
      vmdesc: description?.text,
      ...(this.#end.unreadable ? { unreadableDescription: true } : {}),
      bytesBehind: reader.size - end,
    };
  }

  /** Offset of the first device, or of the end of sections, if the reader has come so far. */
  get stateAt(): number | undefined {
    return this.#stateAt;
  }

  /** Offset behind the END section of RAM, if the reader has come so far. */
  get ramEnd(): number | undefined {
    return this.#ramEnd;
  }

  /** @param first the type of the first section, which was taken with the configuration. */
  *#readSections(ram: FileRam, first: number): Generator<number, void> {
    const reader = this.#reader;
    const { start: expected, description } = this.#end;
    reader.part = 'between sections';
    for (let type = first; ; ) {
      const offset = reader.offset - 1;
      if (type === SECTION.EOF || type === SECTION.FULL) this.#stateAt ??= offset;
      if (type === SECTION.EOF) {
        // Without RAM END the device state begins wherever the sections end.
        this.#tailStart ??= offset;
        if (offset !== expected)
          throw reader.fault(`the end of sections at byte ${expected}`, `at ${offset}`);
        this.#checkAllFound();
        return;
      }
      if (type === SECTION.FULL && description === undefined) {
        this.#checkOpaque();
        return;
      }
      const { kind, name } = this.#section(type, ram);
      this.#note(kind, name, offset);
      if (kind === 'end') this.#tailStart = this.#ramEnd = reader.offset;
      yield reader.offset;
      reader.part = 'between sections';
      type = reader.run(reader.u8('section type'));
    }
  }

  #note(kind: StreamSection['kind'], name: string, offset: number): void {
    const size = this.#reader.offset - offset;
    const last = this.#sections.at(-1);
    if (last?.kind === kind && last.name === name) {
      this.#sections[this.#sections.length - 1] = { ...last, count: last.count + 1, size: last.size + size };
    } else {
      this.#sections.push({ kind, name, count: 1, offset, size });
    }
  }

  #section(type: number, ram: FileRam): Pick<StreamSection, 'kind' | 'name'> {
    const reader = this.#reader;
    switch (type) {
      case SECTION.COMMAND: {
        const command = reader.run(readAnyCommand(reader));
        if (announcesPostcopy(command)) ram.postcopyAnnounced();
        return { kind: 'command', name: `${command.command}` };
      }
      case SECTION.START:
        return { kind: 'start', name: this.#start(ram) };
      case SECTION.PART:
      case SECTION.END: {
        const kind = type === SECTION.PART ? 'part' : 'end';
        const section = reader.run(readRamHeader(reader, kind, this.#ramId));
        if (this.#tailStart !== undefined) throw reader.fault('nothing of RAM behind its END', kind);
        this.#inRounds = true;
        ram.read(section);
        return { kind, name: RAM_IDSTR };
      }
      case SECTION.FULL:
        return { kind: 'full', name: this.#device() };
      default:
        throw reader.fault('a section', type.toString(16).padStart(2, '0'));
    }
  }

  /** That of RAM, or an empty one of another handler. @returns its idstr. */
  #start(ram: FileRam): string {
    const reader = this.#reader;
    const start = reader.offset - 1;
    const name = reader.run(readSectionName(reader, 'START'));
    const { sectionId, idstr } = name;
    if (idstr === RAM_IDSTR) {
      if (this.#ramId !== undefined) throw reader.fault('section ram once', 'a second START');
      const section = reader.run(readRamIdentity(reader, name));
      this.#ramId = sectionId;
      ram.read(section);
    } else {
      reader.run(readEmptyLive(reader, name, liveHint(idstr)));
      this.#keepEarly(start, idstr);
    }
    return idstr;
  }

  #device(): string {
    const reader = this.#reader;
    const start = reader.offset - 1;
    const name = reader.run(readSectionName(reader, 'FULL'));
    const { sectionId, idstr, instanceId, versionId } = reader.run(readIdentity(reader, name));
    const description = this.#described.shift();
    if (description?.name !== idstr || description.instanceId !== instanceId) {
      reader.field = 'idstr and instance id';
      reader.start = start;
      const expected =
        description === undefined ? 'no more devices' : `${description.name} ${description.instanceId}`;
      throw reader.fault(`${expected}, as described`, `${idstr} ${instanceId}`);
    }
    reader.part = `device ${idstr}`;
    if (description.size > MAX_DEVICE_STATE)
      throw reader.fault(`at most ${MAX_DEVICE_STATE} bytes`, `${description.size}`);
    const body = reader.copy(description.size, 'device state');
    reader.run(readFooter(reader, sectionId));
    const device = { idstr, instanceId, versionId, sectionId, description, body };
    if (this.#tailStart !== undefined) {
      this.#devices.push(device);
    } else {
      this.#keepEarly(start, idstr);
      const place = this.#ramId === undefined ? ({ beforeRam: true } as const) : {};
      this.#devices.push({ ...device, early: true, ...place });
    }
    return idstr;
  }

  /** The section that began at `start` stands before the first round of RAM, and is kept for its place. */
  #keepEarly(start: number, idstr: string): void {
    if (this.#inRounds) {
      const expected = 'device state only before the first round of RAM, or behind its end';
      throw this.#reader.fault(expected, idstr, 'incompatible');
    }
    const kept = this.#ramId === undefined ? this.#beforeRam : this.#early;
    kept.push(this.#bytesFrom(start));
  }

  /** What was read from `start` on. */
  #bytesFrom(start: number): Uint8Array {
    const bytes = new Uint8Array(this.#reader.offset - start);
    this.#source.read(start, bytes);
    return bytes;
  }

  /**
   * Bodies have no lengths: without a description nothing behind this can be told apart, but the file must end
   * with the end of sections behind a footer.
   */
  #checkOpaque(): void {
    const reader = this.#reader;
    const { start: at, unreadable } = this.#end;
    if (this.#tailStart === undefined) {
      const got = unreadable ? 'one that is not JSON' : 'none';
      throw reader.fault('a description', `${got}, and a device before RAM END`);
    }
    const last = new Uint8Array(FOOTER_SIZE + 1);
    if (at > reader.offset + FOOTER_SIZE) this.#source.read(at - FOOTER_SIZE, last);
    if (last[0] === SECTION.FOOTER && last[FOOTER_SIZE] === SECTION.EOF) return;
    throw reader.fault('the end of sections, and a description', 'the file ends inside the device state');
  }

  #checkAllFound(): void {
    const left = this.#described.at(0);
    if (left !== undefined)
      throw this.#reader.fault(`device ${left.name}, as described`, 'the end of sections');
  }

  #deviceState(): Uint8Array {
    const start = this.#tailStart ?? this.#reader.offset;
    const size = this.#end.end - start;
    if (size > MAX_DEVICE_STATE) {
      this.#reader.seek(start);
      throw this.#reader.fault(`at most ${MAX_DEVICE_STATE} bytes of device state`, `${size}`);
    }
    const bytes = new Uint8Array(size);
    this.#source.read(start, bytes);
    if (bytes.length === 0) throw this.#reader.fault('device state', 'the file ends here');
    return bytes;
  }
}

/** What to do about live state of another handler than RAM's, which nothing in the file describes. */
function liveHint(idstr: string): string {
  return idstr === 'dirty-bitmap'
    ? 'have QEMU write the file with the capability dirty-bitmaps off, or without a bitmap on its disks: a bitmap is of a disk, which is not in the file'
    : `live state of ${idstr} is not described in the file`;
}
