import { concat, readU32, u8, u32 } from '../bytes.js';
import { COMMAND, SECTION } from '../layout.js';
import { encodePstr } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { EarlySectionRecord } from './records.js';

/** `7e` and the section's id. */
const FOOTER_SIZE = 5;
/** What every section and command has at least: its type, and 4 bytes. */
const NEXT_SIZE = 5;

/** An early section, and where in the stream its header begins. */
export interface PlacedEarlySection {
  readonly section: EarlySectionRecord['section'];
  readonly offset: number;
}

/**
 * The FULL sections between the start and the first round of RAM: devices with early state, such as virtio-mem
 * (wire reference 6.1 and 7.2). They have no lengths, and the description comes only at the end of the stream; so a
 * section ends at the first place that looks like its footer with another section or a command behind it.
 */
export class EarlySections {
  readonly #reader: ByteReader;
  readonly #limit: number;
  readonly #found: PlacedEarlySection[] = [];
  #size = 0;

  /** @param limit most bytes of early state, all of it. */
  constructor(reader: ByteReader, limit: number) {
    this.#reader = reader;
    this.#limit = limit;
  }

  /** In stream order. */
  get found(): readonly PlacedEarlySection[] {
    return this.#found;
  }

  /**
   * A section whose type was taken.
   * @throws WireError `protocol`, also if no end of it is in sight.
   */
  *read(ramId: number): Reading<EarlySectionRecord> {
    const reader = this.#reader;
    const offset = reader.offset - 1;
    reader.place = 'main stream, section header (FULL)';
    const sectionId = yield* reader.u32('section id');
    if (sectionId === ramId) throw reader.fault('another id than that of ram', `${sectionId}`);
    const idstr = yield* reader.pstr('idstr');
    const instanceId = yield* reader.u32('instance id');
    const versionId = yield* reader.u32('version id');
    reader.place = `main stream, early section ${idstr}`;
    const header = concat(
      u8(SECTION.FULL),
      u32(sectionId),
      encodePstr(idstr, 'device'),
      u32(instanceId),
      u32(versionId),
    );
    const rest = yield* reader.takeUntil(
      (bytes, seen) => sectionSize(bytes, seen, sectionId, ramId),
      this.#limit - this.#size,
      'device state',
    );
    const bytes = concat(header, rest);
    this.#size += bytes.length;
    const body = bytes.subarray(header.length, bytes.length - FOOTER_SIZE);
    const section = { idstr, instanceId, versionId, body, early: true } as const;
    this.#found.push({ section, offset });
    return { type: 'early-section', bytes, section };
  }
}

/**
 * Bytes of body and footer; undefined if its end is not among `bytes`, whose first `seen` were searched before.
 * @param bytes from the start of the body.
 */
export function sectionSize(
  bytes: Uint8Array,
  seen: number,
  sectionId: number,
  ramId: number,
): number | undefined {
  const needed = FOOTER_SIZE + NEXT_SIZE;
  for (let at = Math.max(0, seen - needed + 1); ; at++) {
    at = bytes.indexOf(SECTION.FOOTER, at);
    if (at < 0 || at + needed > bytes.length) return undefined;
    const next = at + FOOTER_SIZE;
    if (readU32(bytes, at + 1) === sectionId && canFollow(bytes, next, sectionId, ramId)) return next;
  }
}

/** Whether a section or command can begin at `at`: one that may stand before or in the first round of RAM. */
function canFollow(bytes: Uint8Array, at: number, sectionId: number, ramId: number): boolean {
  switch (bytes[at]) {
    case SECTION.PART:
    case SECTION.END:
      return readU32(bytes, at + 1) === ramId;
    case SECTION.START:
    case SECTION.FULL: {
      const id = readU32(bytes, at + 1);
      return id !== sectionId && id !== ramId;
    }
    case SECTION.COMMAND: {
      const command = (readU32(bytes, at + 1) >>> 16) & 0xffff;
      return command >= COMMAND.OPEN_RETURN_PATH && command <= COMMAND.SWITCHOVER_START;
    }
    default:
      return false;
  }
}
