import { hex } from '../bytes.js';
import { RAM_IDSTR, SECTION } from '../layout.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import { announcesPostcopy, readCommand } from './commands.js';
import { readConfiguration, readFileHeader } from './configuration.js';
import type { EarlySections } from './early.js';
import type { RamRecords, Steps } from './ram-records.js';
import type { EarlySectionRecord, SectionRecord } from './records.js';
import { readRamBody, readRamHeader, readRamIdentity, readSectionName } from './section-headers.js';

const KIND = { [SECTION.START]: 'start', [SECTION.PART]: 'part', [SECTION.END]: 'end' } as const;

/**
 * Reads the main stream up to and including the footer of RAM END (docs/wire.md, 2 and 6.1). RAM is the only live
 * section that can be read: other bodies have no length.
 * @throws WireError `protocol`; `incompatible` for devices that save live state, or state in any other place.
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
        yield* readRamBody(reader, ram, section);
        break;
      }
      case SECTION.PART:
      case SECTION.END: {
        const section = yield* readRamHeader(reader, KIND[type], ramId);
        isEarly = false;
        yield section;
        yield* readRamBody(reader, ram, section);
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
    reader.part = 'between sections';
    type = yield* reader.u8('section type');
  }
}

/** Reads RAM's START section, or an empty one of another handler. */
function* readStart(
  reader: ByteReader,
  early: EarlySections,
  ramId: number | undefined,
  isEarly: boolean,
): Reading<SectionRecord | EarlySectionRecord> {
  const name = yield* readSectionName(reader, 'START', (id) => early.has(id));
  const { sectionId, idstr } = name;
  if (idstr !== RAM_IDSTR) {
    if (!isEarly || sectionId === ramId) throw reader.fault(`only ${RAM_IDSTR}`, quote(idstr));
    return yield* early.readEmptyLive(name, ramId === undefined);
  }
  if (ramId !== undefined) throw reader.fault('section ram once', 'a second START');
  return yield* readRamIdentity(reader, name);
}

/** The error for a FULL section once the rounds have begun: device state before that is early (docs/wire.md, 6.1). */
function* refuseFull(reader: ByteReader): Reading<Error> {
  const { idstr } = yield* readSectionName(reader, 'FULL');
  return reader.fault(
    'device state only before the first round of ram, or behind its END section',
    quote(idstr),
    'incompatible',
    `${idstr} cannot be carried: unplug it if it is a device; if it belongs to the machine, let QEMU migrate this guest itself`,
  );
}
