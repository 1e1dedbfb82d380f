import { concat, readU32 } from '../bytes.js';
import { COMMAND, FOOTER_SIZE, SECTION } from '../layout.js';
import type { ByteReader, Reading } from './byte-reader.js';
import { encodeFooter, encodeSectionStart } from './encode.js';
import type { DeviceSection, EarlySectionRecord } from './records.js';
import { readEmptyLive, readIdentity, readSectionName, type SectionName } from './section-headers.js';

/** Bytes that identify a PART, an END or a command: its type and 4 bytes. */
const PLAIN_SIZE = 5;
/** Bytes that identify a START or FULL: its type, its id, the length of its name and the name's first character. */
const NAMED_SIZE = 7;

/** An early section, and the stream offset of its header. */
export interface PlacedEarlySection {
  readonly section: DeviceSection;
  readonly offset: number;
}

/**
 * Reads the FULL sections of devices with early state, such as virtio-mem, around the START section of RAM and before
 * its first round (docs/wire.md, 6.1 and 7.2). They have no lengths, and the description comes only at the end of the
 * stream; so a section ends at the first place that looks like its footer followed by another section or a command.
 * QEMU 11.1 writes them before START, 10.0 after it.
 */
export class EarlySections {
  readonly #reader: ByteReader;
  readonly #limit: number;
  readonly #found: PlacedEarlySection[] = [];
  readonly #ids = new Set<number>();
  #size = 0;

  /** @param limit most bytes of early state in all. */
  constructor(reader: ByteReader, limit: number) {
    this.#reader = reader;
    this.#limit = limit;
  }

  /** In stream order. */
  get found(): readonly PlacedEarlySection[] {
    return this.#found;
  }

  /** Whether an early section has this id. */
  has(sectionId: number): boolean {
    return this.#ids.has(sectionId);
  }

  /**
   * Reads a section, after its type. `ramId` is undefined before the START section of RAM.
   * @throws WireError `protocol`, also if its end is not found within the limit.
   */
  *read(ramId: number | undefined): Reading<EarlySectionRecord> {
    const reader = this.#reader;
    const offset = reader.offset - 1;
    const name = yield* readSectionName(reader, 'FULL', (id) => id === ramId);
    const { sectionId, idstr } = name;
    this.#ids.add(sectionId);
    const { instanceId, versionId } = yield* readIdentity(reader, name);
    reader.part = `early section ${idstr}`;
    const header = encodeSectionStart('full', sectionId, idstr, instanceId, versionId);
    const rest = yield* reader.takeUntil(
      (bytes, seen) => sectionSize(bytes, seen, sectionId, ramId),
      this.#limit - this.#size,
      'device state',
    );
    const bytes = concat(header, rest);
    this.#size += bytes.length;
    const body = bytes.subarray(header.length, bytes.length - FOOTER_SIZE);
    const beforeRam = ramId === undefined;
    const place = beforeRam ? ({ early: true, beforeRam } as const) : ({ early: true } as const);
    const section = { idstr, instanceId, versionId, body, ...place };
    this.#found.push({ section, offset });
    return { type: 'early-section', bytes, beforeRam, section };
  }

  /**
   * Reads the START section of a live handler other than RAM, after type, id and idstr: it must be empty. It is not
   * in `found`, as no description lists it.
   * @throws WireError `incompatible` if it is not empty, `protocol`.
   */
  *readEmptyLive(name: SectionName, beforeRam: boolean): Reading<EarlySectionRecord> {
    const { sectionId, idstr, instanceId, versionId, body } = yield* readEmptyLive(
      this.#reader,
      name,
      liveHint(name.idstr),
    );
    const bytes = concat(
      encodeSectionStart('start', sectionId, idstr, instanceId, versionId),
      body,
      encodeFooter(sectionId),
    );
    this.#ids.add(sectionId);
    return { type: 'early-section', bytes, beforeRam, section: undefined };
  }
}

function liveHint(idstr: string): string {
  return `${idstr} saves its state while the guest runs, which multifd cannot carry: if it is a device, unplug it (VFIO), or turn it off (dirty-bitmaps); if it belongs to the machine (s390x, pseries), let QEMU migrate this guest itself`;
}

/**
 * Size in bytes of body and footer; undefined if the end is not in `bytes`, of which the first `seen` were searched
 * before.
 * @param bytes from the start of the body.
 */
export function sectionSize(
  bytes: Uint8Array,
  seen: number,
  sectionId: number,
  ramId: number | undefined,
): number | undefined {
  for (let at = Math.max(0, seen - FOOTER_SIZE - NAMED_SIZE + 1); ; at++) {
    at = bytes.indexOf(SECTION.FOOTER, at);
    const next = at + FOOTER_SIZE;
    if (at < 0 || next + PLAIN_SIZE > bytes.length) return undefined;
    if (readU32(bytes, at + 1) !== sectionId) continue;
    const follows = canFollow(bytes, next, sectionId, ramId);
    if (follows === undefined) return undefined;
    if (follows) return next;
  }
}

/**
 * Whether a section or command that may come before or in the first round of RAM can begin at `at`. Undefined if more
 * bytes are needed to tell.
 */
function canFollow(
  bytes: Uint8Array,
  at: number,
  sectionId: number,
  ramId: number | undefined,
): boolean | undefined {
  switch (bytes[at]) {
    case SECTION.PART:
    case SECTION.END:
      return readU32(bytes, at + 1) === ramId;
    case SECTION.START:
    case SECTION.FULL: {
      const id = readU32(bytes, at + 1);
      if (id === sectionId || id === ramId) return false;
      if (at + NAMED_SIZE > bytes.length) return undefined;
      return (bytes[at + 5] ?? 0) > 0 && isPrintable(bytes[at + 6]);
    }
    case SECTION.COMMAND: {
      const command = (readU32(bytes, at + 1) >>> 16) & 0xffff;
      return command >= COMMAND.OPEN_RETURN_PATH && command <= COMMAND.SWITCHOVER_START;
    }
    default:
      return false;
  }
}

/** Names of devices begin with a letter, a digit or a slash. */
function isPrintable(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte < 0x7f;
}
