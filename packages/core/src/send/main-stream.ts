import type { Outgoing } from '../transport/outgoing.js';
import { concat, u32 } from '../wire/bytes.js';
import { COMMAND, RAM_IDSTR, RAM_VERSION } from '../wire/layout.js';
import {
  type Configuration,
  encodeCommand,
  encodeConfiguration,
  encodeEndOfSections,
  encodeFileHeader,
  encodeFooter,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
} from '../wire/main/encode.js';
import {
  EOS_RECORD,
  encodeBlockList,
  encodeZeroRecord,
  FLUSH_RECORD,
  writeZeroRecords,
} from '../wire/main/encode-ram.js';
import type { DeviceSection } from '../wire/main/records.js';
import { REPORT_REQUEST } from '../wire/report-request.js';
import {
  PING_SOURCE_DOES_NOT_WAIT,
  PING_SOURCE_KEEPS_MAIN,
  PING_SOURCE_LET_GO,
} from '../wire/return-path.js';
import { describeDevices, encodeDeviceSection } from '../wire/vm-description.js';

/**
 * Any id that is unique in the stream (docs/wire.md, 2.3). Another source's early sections go out unchanged, and QEMU
 * numbers its sections up from 0: this id is out of their reach.
 */
const RAM_SECTION_ID = 0x0052_414d;
/** A ZERO record with CONTINUE: the word and the fill byte. */
const ZERO_RECORD_SIZE = 9;
const ZERO_RECORDS_PER_WRITE = 4096;

/** Writes the source's main stream, section by section. Owns only the order of the bytes. */
export class MainStream {
  readonly #outgoing: Outgoing;
  /** Block of the last page record: CONTINUE refers to it. */
  #lastBlock: string | undefined;
  #nextSectionId = 1;
  /** Sections that `early` has sent: the description lists them first. */
  #early: readonly DeviceSection[] = [];

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing;
  }

  /** Sends the header, the configuration, and `request`: `returnPathRequest`. */
  async begin(configuration: Configuration, request: readonly Uint8Array[]): Promise<void> {
    // In one write: a destination that refuses the configuration then knows at once whether it may say why.
    await this.#send(encodeFileHeader(), encodeConfiguration(configuration), ...request);
  }

  /**
   * Relay, with a return path, before RAM: says that the guest's own source does not wait for the destination's
   * reply.
   */
  async sourceDoesNotWait(): Promise<void> {
    await this.#send(encodeCommand(COMMAND.PING, u32(PING_SOURCE_DOES_NOT_WAIT)));
  }

  /** Relay, after the destination's SHUT(0), behind everything else: whether the guest's own source has closed main. */
  async lastWord(letGo: boolean): Promise<void> {
    await this.#send(encodeCommand(COMMAND.PING, u32(letGo ? PING_SOURCE_LET_GO : PING_SOURCE_KEEPS_MAIN)));
  }

  async ramStart(blocks: readonly { readonly name: string; readonly length: number }[]): Promise<void> {
    await this.#send(
      encodeSectionStart('start', RAM_SECTION_ID, RAM_IDSTR, 0, RAM_VERSION),
      encodeBlockList(blocks),
    );
  }

  /** Sends early device state: before the START section of RAM, or right after it. */
  async early(sections: readonly DeviceSection[]): Promise<void> {
    this.#early = [...this.#early, ...sections];
    for (const section of sections) await this.#device(section);
  }

  /** Sends another source's early sections, unchanged. */
  async rawEarly(sections: Uint8Array): Promise<void> {
    if (sections.length > 0) await this.#send(sections);
  }

  async ramPart(kind: 'part' | 'end'): Promise<void> {
    await this.#send(encodeSectionPart(kind, RAM_SECTION_ID));
  }

  /** Ends a RAM section, with its sync record. Every channel must have sent its SYNC before. */
  async ramSync(flushRecord: boolean): Promise<void> {
    if (flushRecord) await this.#send(FLUSH_RECORD);
    await this.#send(EOS_RECORD, encodeFooter(RAM_SECTION_ID));
  }

  /** Sends ZERO records for `count` pages of one block. The caller owns `offsets` and may reuse it afterwards. */
  async zeroPages(blockName: string, offsets: Float64Array, count: number): Promise<void> {
    let first = 0;
    if (this.#lastBlock !== blockName && count > 0) {
      await this.#send(encodeZeroRecord(offsets[0] ?? 0, blockName));
      this.#lastBlock = blockName;
      first = 1;
    }
    for (; first < count; first += ZERO_RECORDS_PER_WRITE) {
      const size = Math.min(ZERO_RECORDS_PER_WRITE, count - first);
      const records = new Uint8Array(size * ZERO_RECORD_SIZE);
      writeZeroRecords(records, 0, offsets.subarray(first, first + size), size);
      await this.#send(records);
    }
  }

  /** Encodes device state, end of sections and description, for `endWith`. */
  encodeEnd(deviceState: readonly DeviceSection[], requestReport: boolean, pageSize: number): Uint8Array[] {
    const sections = requestReport ? [...deviceState, REPORT_REQUEST] : deviceState;
    const described = describeDevices([...this.#early, ...sections], pageSize);
    return [
      ...sections.map((section) => encodeDeviceSection(this.#nextSectionId++, section)),
      concat(encodeEndOfSections(), encodeVmDescription(described)),
    ];
  }

  /**
   * Sends what comes after RAM: of `encodeEnd`, or what another source sent, unchanged, as it does not depend on its
   * position (docs/wire.md, 7.4).
   */
  async endWith(...tail: readonly Uint8Array[]): Promise<void> {
    for (const part of tail) await this.#send(part);
    await this.#outgoing.drained();
  }

  async #device(section: DeviceSection): Promise<void> {
    await this.#send(encodeDeviceSection(this.#nextSectionId++, section));
  }

  async #send(...vectors: Uint8Array[]): Promise<void> {
    let bytes = 0;
    for (const vector of vectors) bytes += vector.length;
    await this.#outgoing.send(vectors, bytes);
  }
}
