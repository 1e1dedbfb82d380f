import { hex, readU32 } from '../bytes.js';
import { FOOTER_SIZE, RAM_IDSTR, RAM_VERSION, SECTION } from '../layout.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import { missingPart } from './old-machines.js';
import type { RamRecords, Steps } from './ram-records.js';
import type { SectionRecord } from './records.js';

/** The live section that may be empty, and its body then: `DIRTY_BITMAP_MIG_FLAG_EOS`, without a bitmap. */
const EMPTY_LIVE = { idstr: 'dirty-bitmap', body: 0x01 } as const;

/** Start of a START or FULL section: an object has one id in a stream (docs/wire.md, 2.3). */
export interface SectionName {
  readonly sectionId: number;
  readonly idstr: string;
}

/** Header of a START or FULL section. */
export interface SectionIdentity extends SectionName {
  readonly instanceId: number;
  readonly versionId: number;
}

/**
 * Reads the first part of the header of a START or FULL section, after its type.
 * @param isTaken whether another object has this id.
 * @throws WireError `protocol`, also if the id is taken.
 */
export function* readSectionName(
  reader: ByteReader,
  kind: 'START' | 'FULL',
  isTaken: (sectionId: number) => boolean = () => false,
): Reading<SectionName> {
  reader.part = `section header (${kind})`;
  const sectionId = yield* reader.u32('section id');
  if (isTaken(sectionId)) throw reader.fault('an id of its own', `${sectionId} again`);
  return { sectionId, idstr: yield* reader.pstr('idstr') };
}

/** Reads the second part of the header. */
export function* readIdentity(reader: ByteReader, name: SectionName): Reading<SectionIdentity> {
  const instanceId = yield* reader.u32('instance id');
  return { ...name, instanceId, versionId: yield* reader.u32('version id') };
}

/** Reads the second part of RAM's header. @throws WireError `incompatible` for another version, `protocol`. */
export function* readRamIdentity(
  reader: ByteReader,
  { sectionId, idstr }: SectionName,
): Reading<SectionRecord> {
  const instanceId = yield* reader.u32('instance id');
  if (instanceId !== 0) throw reader.fault('0', `${instanceId}`);
  const versionId = yield* reader.u32('version id');
  if (versionId !== RAM_VERSION) {
    throw reader.fault(
      `${RAM_VERSION}`,
      `${versionId}`,
      'incompatible',
      'use QEMU 7.2 to 11.1 as the source',
    );
  }
  return { type: 'section', kind: 'start', sectionId, idstr, instanceId, versionId };
}

/**
 * Reads the header of a PART or END section of RAM, after its type.
 * @param ramId its id; undefined if it has not started.
 * @throws WireError `protocol` for any other id.
 */
export function* readRamHeader(
  reader: ByteReader,
  kind: 'part' | 'end',
  ramId: number | undefined,
): Reading<SectionRecord> {
  reader.part = `section header (${kind.toUpperCase()})`;
  const sectionId = yield* reader.u32('section id');
  if (sectionId !== ramId) {
    throw reader.fault(ramId === undefined ? 'a START before' : `${ramId}, the id of ram`, `${sectionId}`);
  }
  return { type: 'section', kind, sectionId, idstr: RAM_IDSTR, instanceId: 0, versionId: RAM_VERSION };
}

/** Reads body and footer of a RAM section. */
export function* readRamBody(reader: ByteReader, ram: RamRecords, { kind, sectionId }: SectionRecord): Steps {
  reader.part = `section ram (${kind.toUpperCase()})`;
  yield* ram.body();
  yield* readFooter(reader, sectionId);
  yield { type: 'footer', sectionId };
}

/** Reads a section's footer. @throws WireError `protocol` if there is none, or another section's. */
export function* readFooter(reader: ByteReader, sectionId: number): Reading<void> {
  const type = yield* reader.u8('footer');
  if (type !== SECTION.FOOTER) throw missingPart(reader, hex(SECTION.FOOTER), type, 'send-section-footer');
  const id = yield* reader.u32('footer section id');
  if (id !== sectionId) throw reader.fault(`${sectionId}`, `${id}`);
}

/**
 * Reads the START section of a live handler other than RAM, from after its name to its footer: it must be empty.
 * @returns its body.
 * @param hint what to do if it is not empty.
 * @throws WireError `incompatible` if it is not empty, `protocol`.
 */
export function* readEmptyLive(
  reader: ByteReader,
  name: SectionName,
  hint: string,
): Reading<SectionIdentity & { readonly body: Uint8Array }> {
  const { sectionId, idstr } = name;
  const refuse = (): Error =>
    reader.fault(`only ${RAM_IDSTR} to be migrated live`, quote(idstr), 'incompatible', hint);
  if (idstr !== EMPTY_LIVE.idstr) throw refuse();
  const identity = yield* readIdentity(reader, name);
  const body = yield* reader.u8('dirty bitmap flags');
  if (body !== EMPTY_LIVE.body) throw refuse();
  const footer = yield* reader.take(FOOTER_SIZE, 'footer');
  if (footer[0] !== SECTION.FOOTER || readU32(footer, 1) !== sectionId)
    throw reader.fault(`7e of section ${sectionId}`, 'other bytes');
  return { ...identity, body: Uint8Array.of(body) };
}
