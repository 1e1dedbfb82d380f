import { hex, readU32 } from '../bytes.js';
import { FOOTER_SIZE, RAM_IDSTR, RAM_VERSION, SECTION } from '../layout.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { RamRecords, Steps } from './ram-records.js';
import type { SectionRecord } from './records.js';

/** The live section that may be empty, and its body then: `DIRTY_BITMAP_MIG_FLAG_EOS`, no bitmap. */
const EMPTY_LIVE = { idstr: 'dirty-bitmap', body: 0x01 } as const;

/** How a START or FULL section begins: one object has one id in a stream (docs/wire.md, 2.3). */
export interface SectionName {
  readonly sectionId: number;
  readonly idstr: string;
}

/** What a START or FULL section says before its body. */
export interface SectionIdentity extends SectionName {
  readonly instanceId: number;
  readonly versionId: number;
}

/**
 * The first part of a START or FULL section, after its type.
 * @param isTaken whether another object has this id. @throws WireError `protocol`, if so too.
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

/** The second part. */
export function* readIdentity(reader: ByteReader, name: SectionName): Reading<SectionIdentity> {
  const instanceId = yield* reader.u32('instance id');
  return { ...name, instanceId, versionId: yield* reader.u32('version id') };
}

/** The second part, of RAM. @throws WireError `incompatible` for another version, `protocol`. */
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
 * The header of a PART or END section of RAM, after its type.
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

/** Body and footer of a RAM section. */
export function* readRamBody(reader: ByteReader, ram: RamRecords, { kind, sectionId }: SectionRecord): Steps {
  reader.part = `section ram (${kind.toUpperCase()})`;
  yield* ram.body();
  yield* readFooter(reader, sectionId);
  yield { type: 'footer', sectionId };
}

/** The footer of a section. @throws WireError `protocol` if it is none, or another's. */
export function* readFooter(reader: ByteReader, sectionId: number): Reading<void> {
  const type = yield* reader.u8('footer');
  if (type !== SECTION.FOOTER) throw reader.fault(hex(SECTION.FOOTER), hex(type, 2));
  const id = yield* reader.u32('footer section id');
  if (id !== sectionId) throw reader.fault(`${sectionId}`, `${id}`);
}

/**
 * What follows the name of a live handler's START section, RAM's aside, up to its footer: it may have nothing in it.
 * @returns its body.
 * @param hint what to do if it has.
 * @throws WireError `incompatible` if it has, `protocol`.
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
