import { hex } from '../bytes.js';
import { RAM_IDSTR, RAM_VERSION, SECTION } from '../layout.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import { announcesPostcopy, readCommand } from './commands.js';
import { readConfiguration, readFileHeader } from './configuration.js';
import type { EarlySections } from './early.js';
import type { RamRecords, Steps } from './ram-records.js';
import type { EarlySectionRecord, SectionRecord } from './records.js';

const KIND = { [SECTION.START]: 'start', [SECTION.PART]: 'part', [SECTION.END]: 'end' } as const;

/**
 * The main stream up to and with the footer of RAM END (docs/wire.md, 2 and 6.1). Of the live sections only RAM
 * can be read: other bodies have no length.
 * @throws WireError `protocol`; `incompatible` for devices that save live state, or state at any other place.
 */
export function* readSections(
  reader: ByteReader,
  ram: RamRecords,
  early: EarlySections,
  pageSize: number,
): Steps {
  yield* readFileHeader(reader);
  yield { type: 'header' };
  const { record, nextType } = yield* readConfiguration(reader, pageSize);
  yield record;
  let type = nextType;
  let ramId: number | undefined;
  let isEarly = true;
  for (;;) {
    switch (type) {
      case SECTION.COMMAND: {
        const record = yield* readCommand(reader, pageSize);
        if (announcesPostcopy(record)) ram.postcopyAnnounced();
        yield record;
        break;
      }
      case SECTION.START: {
        const section = yield* readStart(reader, early, ramId, isEarly);
        if (section.type === 'early-section') {
          yield section;
          break;
        }
        ramId = section.sectionId;
        yield section;
        yield* readBody(reader, ram, section);
        break;
      }
      case SECTION.PART:
      case SECTION.END: {
        const section = yield* readNext(reader, KIND[type], ramId);
        isEarly = false;
        yield section;
        yield* readBody(reader, ram, section);
        if (type === SECTION.END) return;
        break;
      }
      case SECTION.FULL:
        if (!isEarly) throw yield* refuseFull(reader);
        yield yield* early.read(ramId);
        break;
      default:
        throw reader.fault(
          `a section or command${ramId === undefined ? '' : ' up to RAM END'}`,
          hex(type, 2),
        );
    }
    reader.place = 'main stream, between sections';
    type = yield* reader.u8('section type');
  }
}

/** That of RAM, or an empty one of another handler. */
function* readStart(
  reader: ByteReader,
  early: EarlySections,
  ramId: number | undefined,
  isEarly: boolean,
): Reading<SectionRecord | EarlySectionRecord> {
  reader.place = 'main stream, section header (START)';
  const sectionId = yield* reader.u32('section id');
  if (early.has(sectionId)) throw reader.fault('an id of its own', `${sectionId} again`);
  const idstr = yield* reader.pstr('idstr');
  if (idstr !== RAM_IDSTR) {
    if (!isEarly || sectionId === ramId) throw reader.fault(`only ${RAM_IDSTR}`, quote(idstr));
    return yield* early.readEmptyLive(sectionId, idstr, ramId === undefined);
  }
  if (ramId !== undefined) throw reader.fault('section ram once', 'a second START');
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

function* readNext(
  reader: ByteReader,
  kind: 'part' | 'end',
  ramId: number | undefined,
): Reading<SectionRecord> {
  reader.place = `main stream, section header (${kind.toUpperCase()})`;
  const sectionId = yield* reader.u32('section id');
  if (sectionId !== ramId) {
    throw reader.fault(ramId === undefined ? 'a START before' : `${ramId}, the id of ram`, `${sectionId}`);
  }
  return { type: 'section', kind, sectionId, idstr: RAM_IDSTR, instanceId: 0, versionId: RAM_VERSION };
}

function* readBody(reader: ByteReader, ram: RamRecords, { kind, sectionId }: SectionRecord): Steps {
  reader.place = `main stream, section ram (${kind.toUpperCase()})`;
  yield* ram.body();
  const type = yield* reader.u8('footer');
  if (type !== SECTION.FOOTER) throw reader.fault(hex(SECTION.FOOTER), hex(type, 2));
  const id = yield* reader.u32('footer section id');
  if (id !== sectionId) throw reader.fault(`${sectionId}`, `${id}`);
  yield { type: 'footer', sectionId };
}

/** The only place for device state before the end of RAM is that of early state (docs/wire.md, 6.1). */
function* refuseFull(reader: ByteReader): Reading<Error> {
  reader.place = 'main stream, section header (FULL)';
  yield* reader.u32('section id');
  const idstr = yield* reader.pstr('idstr');
  return reader.fault(
    'device state only before the first round of ram, or behind its END section',
    quote(idstr),
    'incompatible',
    `${idstr} cannot be carried: unplug it if it is a device; if it belongs to the machine, let QEMU migrate this guest itself`,
  );
}
