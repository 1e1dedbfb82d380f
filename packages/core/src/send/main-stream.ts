import type { Outgoing } from '../transport/outgoing.js';
import { u32 } from '../wire/bytes.js';
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
import { PING_SOURCE_DOES_NOT_WAIT } from '../wire/return-path.js';
import { describeDevices, encodeDeviceSection } from '../wire/vm-description.js';

/**
 * Any id will do, as long as it is unique in the stream (docs/wire.md, 2.3): one that no early section of another
 * source's has, which go out unchanged; QEMU counts its sections up from 0.
 */
const RAM_SECTION_ID = 0x0052_414d;
/** A ZERO record with CONTINUE: the word and the fill byte. */
const ZERO_RECORD_SIZE = 9;
const ZERO_RECORDS_PER_WRITE = 4096;

/** The source's main stream, section by section. Owns nothing but the order of the bytes. */
export class MainStream {
  readonly #outgoing: Outgoing;
  /** Block of the last page record: CONTINUE refers to it. */
  #lastBlock: string | undefined;
  #nextSectionId = 1;
  /** What `early` has sent: the description lists it first. */
  #early: readonly DeviceSection[] = [];

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing;
  }

  /** Header, configuration, and the request for the return path if it is wanted. */
  async begin(configuration: Configuration, returnPath: boolean): Promise<void> {
    await this.#send(encodeFileHeader(), encodeConfiguration(configuration));
    if (!returnPath) return;
    await this.#send(encodeCommand(COMMAND.OPEN_RETURN_PATH), encodeCommand(COMMAND.PING, u32(1)));
  }

  /** Of a relay, with a return path and before RAM: the guest's own source does not wait for the destination's word. */
  async sourceDoesNotWait(): Promise<void> {
    await this.#send(encodeCommand(COMMAND.PING, u32(PING_SOURCE_DOES_NOT_WAIT)));
  }

  async ramStart(blocks: readonly { readonly name: string; readonly length: number }[]): Promise<void> {
    await this.#send(
      encodeSectionStart('start', RAM_SECTION_ID, RAM_IDSTR, 0, RAM_VERSION),
      encodeBlockList(blocks),
    );
  }

  /** Early device state: before the START section of RAM, or right behind it. */
  async early(sections: readonly DeviceSection[]): Promise<void> {
    this.#early = [...this.#early, ...sections];
    for (const section of sections) await this.#device(section);
  }

  /** The early sections of another source, unchanged. */
  async rawEarly(sections: Uint8Array): Promise<void> {
    if (sections.length > 0) await this.#send(sections);
  }

  async ramPart(kind: 'part' | 'end'): Promise<void> {
    await this.#send(encodeSectionPart(kind, RAM_SECTION_ID));
  }

  /** Ends a RAM section, with its sync record. Every channel has sent its SYNC before. */
  async ramSync(flushRecord: boolean): Promise<void> {
    if (flushRecord) await this.#send(FLUSH_RECORD);
    await this.#send(EOS_RECORD, encodeFooter(RAM_SECTION_ID));
  }

  /** ZERO records for `count` pages of one block. `offsets` is the caller's and may change afterwards. */
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

  /** Device state, end of sections, description. */
  async end(deviceState: readonly DeviceSection[], requestReport: boolean, pageSize: number): Promise<void> {
    const sections = requestReport ? [...deviceState, REPORT_REQUEST] : deviceState;
    for (const section of sections) await this.#device(section);
    const described = describeDevices([...this.#early, ...sections], pageSize);
    await this.#send(encodeEndOfSections(), encodeVmDescription(described));
    await this.#outgoing.drained();
  }

  /** What another source sent behind its RAM, unchanged: it may stand anywhere (docs/wire.md, 7.4). */
  async endWith(tail: Uint8Array): Promise<void> {
    await this.#send(tail);
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
