import { readBlockList } from './block-list.js';
import type { ByteSource } from './byte-source.js';
import { readConfiguration } from './configuration.js';
import { Cursor, hex } from './cursor.js';
import type { DeviceDescription } from './description.js';
import type { StreamEnd } from './ends.js';
import { FOOTER_SIZE, MAGIC, MAX_DEVICE_STATE, RAM_VERSION, SECTION, VERSION } from './layout.js';
import type {
  MigrationFile,
  ReadOptions,
  StreamBlock,
  StreamDevice,
  StreamSection,
} from './migration-file.js';
import { checkPageSize } from './page-size.js';
import { readRecords } from './ram-records.js';

/** The live section that may be empty, and its body then: dirty-bitmaps is on, and there is no bitmap. */
const EMPTY_LIVE = { idstr: 'dirty-bitmap', body: 0x01 } as const;

/** Reads a migration file that ends at a given place. One reader reads once. */
export class Reader {
  readonly #source: ByteSource;
  readonly #cursor: Cursor;
  readonly #options: ReadOptions;
  readonly #end: StreamEnd;
  readonly #sections: StreamSection[] = [];
  readonly #devices: StreamDevice[] = [];
  /** What stands before the START section of RAM, and between it and the first round, as it is in the file. */
  readonly #beforeRam: Uint8Array[] = [];
  readonly #early: Uint8Array[] = [];
  #blocks: readonly StreamBlock[] = [];
  #described: DeviceDescription[] = [];
  #pageSize = 4096;
  #capabilities: readonly string[] = [];
  #ramId: number | undefined;
  /** CONTINUE refers to it, also in a later section. */
  #lastBlock: StreamBlock | undefined;
  /** The first PART or END was met: from here to the end of RAM nothing else can be kept at its place. */
  #inRounds = false;
  #tailStart: number | undefined;
  #stateAt: number | undefined;

  constructor(source: ByteSource, options: ReadOptions, end: StreamEnd) {
    this.#source = source;
    this.#end = end;
    this.#options = options;
    this.#cursor = new Cursor(source, options.offset ?? 0);
  }

  read(): MigrationFile {
    const cursor = this.#cursor;
    const magic = cursor.u32('magic');
    if (magic !== MAGIC) throw cursor.fault('0x5145564d ("QEVM")', `0x${magic.toString(16)}`);
    const version = cursor.u32('version');
    if (version !== VERSION) throw cursor.fault(`${VERSION}`, `${version}`);
    const { description, end } = this.#end;
    this.#described = [...(description?.value.devices ?? [])];
    this.#pageSize = description?.value.pageSize ?? this.#options.pageSize ?? 4096;
    checkPageSize(this.#pageSize, this.#source.name);
    const configuration = readConfiguration(cursor);
    if (configuration.targetPageBits !== undefined) this.#pageSize = 2 ** configuration.targetPageBits;
    this.#capabilities = configuration.capabilities;
    this.#readSections();
    return {
      version,
      ...configuration,
      pageSize: this.#pageSize,
      blocks: this.#blocks,
      sections: this.#sections,
      devices: this.#devices,
      beforeRam: new Uint8Array(Buffer.concat(this.#beforeRam)),
      earlyState: new Uint8Array(Buffer.concat(this.#early)),
      deviceState: this.#deviceState(),
      vmdesc: description?.text,
      ...(this.#end.unreadable ? { unreadableDescription: true } : {}),
      bytesBehind: cursor.size - end,
    };
  }

  /** Offset of the first device, or of the end of sections, if the reader has come so far. */
  get stateAt(): number | undefined {
    return this.#stateAt;
  }

  #readSections(): void {
    const cursor = this.#cursor;
    const { start: expected, description } = this.#end;
    for (;;) {
      cursor.place = 'between sections';
      const offset = cursor.offset;
      const type = cursor.u8('section type');
      if (type === SECTION.EOF || type === SECTION.FULL) this.#stateAt ??= offset;
      if (type === SECTION.EOF) {
        // Without RAM END the device state begins wherever the sections end.
        this.#tailStart ??= offset;
        if (offset !== expected)
          throw cursor.fault(`the end of sections at byte ${expected}`, `at ${offset}`);
        this.#checkAllFound();
        return;
      }
      if (type === SECTION.FULL && description === undefined) {
        this.#checkOpaque();
        return;
      }
      const { kind, name } = this.#section(type, cursor);
      this.#note(kind, name, offset);
      if (kind === 'end') this.#tailStart = cursor.offset;
    }
  }

  #note(kind: StreamSection['kind'], name: string, offset: number): void {
    const size = this.#cursor.offset - offset;
    const last = this.#sections.at(-1);
    if (last?.kind === kind && last.name === name) {
      this.#sections[this.#sections.length - 1] = { ...last, count: last.count + 1, size: last.size + size };
    } else {
      this.#sections.push({ kind, name, count: 1, offset, size });
    }
  }

  #section(type: number, cursor: Cursor): Pick<StreamSection, 'kind' | 'name'> {
    switch (type) {
      case SECTION.COMMAND: {
        const command = cursor.u16('command');
        cursor.skip(cursor.u16('command length'), 'command data');
        return { kind: 'command', name: `${command}` };
      }
      case SECTION.START:
        return { kind: 'start', name: this.#start() };
      case SECTION.PART:
      case SECTION.END: {
        const kind = type === SECTION.PART ? 'part' : 'end';
        cursor.place = `section ram (${kind.toUpperCase()})`;
        const id = cursor.u32('section id');
        if (id !== this.#ramId) throw cursor.fault(`${this.#ramId ?? 'a START before'}`, `${id}`);
        if (this.#tailStart !== undefined) throw cursor.fault('nothing of RAM behind its END', kind);
        this.#inRounds = true;
        this.#ramBody(id);
        return { kind, name: 'ram' };
      }
      case SECTION.FULL:
        return { kind: 'full', name: this.#device() };
      default:
        throw cursor.fault('a section', hex(type));
    }
  }

  /** That of RAM, or an empty one of another handler. @returns its idstr. */
  #start(): string {
    const cursor = this.#cursor;
    const start = cursor.offset - 1;
    cursor.place = 'section header (START)';
    const id = cursor.u32('section id');
    const idstr = cursor.pstr('idstr');
    if (idstr === 'ram' && this.#ramId === undefined) {
      this.#ramStart(id);
    } else {
      if (idstr !== EMPTY_LIVE.idstr) throw this.#refuseLive(idstr);
      cursor.skip(8, 'instance id and version id');
      if (cursor.u8('dirty bitmap flags') !== EMPTY_LIVE.body) throw this.#refuseLive(idstr);
      this.#footer(id);
      this.#keepEarly(start, idstr);
    }
    return idstr;
  }

  #refuseLive(idstr: string): Error {
    const hint = `live state of ${idstr} is not described in the file`;
    return this.#cursor.fault('section ram, once', idstr, 'incompatible', hint);
  }

  #ramStart(id: number): void {
    const cursor = this.#cursor;
    cursor.u32('instance id');
    const version = cursor.u32('version id');
    if (version !== RAM_VERSION) throw cursor.fault(`${RAM_VERSION}`, `${version}`, 'incompatible');
    this.#ramId = id;
    cursor.place = 'section ram (START)';
    this.#blocks = readBlockList(cursor, this.#pageSize, this.#capabilities);
    this.#ramBody(id);
  }

  #ramBody(id: number): void {
    this.#lastBlock = readRecords(this.#cursor, {
      blocks: this.#blocks,
      pageSize: this.#pageSize,
      mapped: this.#capabilities.includes('mapped-ram'),
      lastBlock: this.#lastBlock,
    });
    this.#footer(id);
  }

  #device(): string {
    const cursor = this.#cursor;
    const start = cursor.offset - 1;
    cursor.place = 'section header (FULL)';
    const sectionId = cursor.u32('section id');
    const idstr = cursor.pstr('idstr');
    const instanceId = cursor.u32('instance id');
    const description = this.#described.shift();
    if (description?.name !== idstr || description.instanceId !== instanceId) {
      const expected =
        description === undefined ? 'no more devices' : `${description.name} ${description.instanceId}`;
      throw cursor.fault(`${expected}, as described`, `${idstr} ${instanceId}`);
    }
    const versionId = cursor.u32('version id');
    cursor.place = `device ${idstr}`;
    if (description.size > MAX_DEVICE_STATE)
      throw cursor.fault(`at most ${MAX_DEVICE_STATE} bytes`, `${description.size}`);
    const body = cursor.take(description.size, 'device state');
    this.#footer(sectionId);
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
      throw this.#cursor.fault(expected, idstr, 'incompatible');
    }
    const kept = this.#ramId === undefined ? this.#beforeRam : this.#early;
    kept.push(this.#bytesFrom(start));
  }

  /** What was read from `start` on. */
  #bytesFrom(start: number): Uint8Array {
    const bytes = new Uint8Array(this.#cursor.offset - start);
    this.#source.read(start, bytes);
    return bytes;
  }

  #footer(id: number): void {
    const cursor = this.#cursor;
    const type = cursor.u8('footer');
    if (type !== SECTION.FOOTER) throw cursor.fault('7e', hex(type));
    const got = cursor.u32('footer section id');
    if (got !== id) throw cursor.fault(`${id}`, `${got}`);
  }

  /**
   * Bodies have no lengths: without a description nothing behind this can be told apart, but the file must end
   * with the end of sections behind a footer.
   */
  #checkOpaque(): void {
    const cursor = this.#cursor;
    const { start: at, unreadable } = this.#end;
    if (this.#tailStart === undefined) {
      const got = unreadable ? 'one that is not JSON' : 'none';
      throw cursor.fault('a description', `${got}, and a device before RAM END`);
    }
    const last = new Uint8Array(FOOTER_SIZE + 1);
    if (at > cursor.offset + FOOTER_SIZE) this.#source.read(at - FOOTER_SIZE, last);
    if (last[0] === SECTION.FOOTER && last[FOOTER_SIZE] === SECTION.EOF) return;
    throw cursor.fault('the end of sections, and a description', 'the file ends inside the device state');
  }

  #checkAllFound(): void {
    const left = this.#described.at(0);
    if (left !== undefined)
      throw this.#cursor.fault(`device ${left.name}, as described`, 'the end of sections');
  }

  #deviceState(): Uint8Array {
    const start = this.#tailStart ?? this.#cursor.offset;
    const size = this.#end.end - start;
    if (size > MAX_DEVICE_STATE) {
      this.#cursor.jump(start);
      throw this.#cursor.fault(`at most ${MAX_DEVICE_STATE} bytes of device state`, `${size}`);
    }
    const bytes = new Uint8Array(size);
    this.#source.read(start, bytes);
    if (bytes.length === 0) throw this.#cursor.fault('device state', 'the file ends here');
    return bytes;
  }
}
