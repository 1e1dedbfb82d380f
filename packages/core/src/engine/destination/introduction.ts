import { MultifdError } from '../../errors.js';
import { checkConfiguration, type ExpectedSource } from '../../recv/expected-source.js';
import { MOST_LOOKED_AT } from '../../transport/first-look.js';
import { concat, readU32, readU64 } from '../../wire/bytes.js';
import { classify } from '../../wire/first-bytes.js';
import { foreignTongue } from '../../wire/foreign-tongue.js';
import { checkInitPacket, decodeInitPacket } from '../../wire/init-packet.js';
import {
  COMMAND,
  FLAG_DEVICE_STATE,
  INIT_PACKET_SIZE,
  PACKET_PREFIX_SIZE,
  packetHeaderSize,
} from '../../wire/layout.js';
import { MainStreamDecoder } from '../../wire/main/decode.js';
import { encodeCommand } from '../../wire/main/encode.js';
import type { CommandRecord, MainRecord } from '../../wire/main/records.js';
import { peekFlags } from '../../wire/ram-packet-decode.js';
import { RETURN_PATH_REQUEST } from '../../wire/reason.js';
import { channelsOfPing, PING_WANTS_REASON } from '../../wire/return-path.js';

/** Where a packet's flags, count of normal pages and number are (docs/wire.md, 4.2). */
const FLAGS_AT = 8;
const NORMAL_AT = 16;
const NUMBER_AT = 24;

/** What this end expects of a connection. */
export interface ExpectedGuest extends ExpectedSource {
  readonly channels: number;
  /** Bytes. */
  readonly pageSize: number;
}

/** How far a main stream has come. */
export type Progress = 'setup' | 'rounds' | 'pages';

/**
 * Identifies a connection by its first bytes. It has a role once its first record is whole and fits: header and
 * configuration, or an init packet. It is proven once the next record begins as every source's does: main with its RAM,
 * a channel with a packet (docs/wire.md, 3.4: the setup sync is mandatory, and needs no answer from this end). Pure.
 */
export class Introduction {
  readonly #expected: ExpectedGuest;
  #bytes: Uint8Array = new Uint8Array(0);
  #role: 'main' | 'channel' | undefined;
  #channel = 0;
  #proven = false;
  #progress: Progress = 'setup';
  #hasSynced = false;
  #decoder: MainStreamDecoder | undefined;
  #returnPath = false;
  #wantsReason = false;
  #sourceChannels: number | undefined;
  /** Main: a source's, whose configuration does not fit. Nothing behind it was decoded. */
  #isMisfit = false;

  constructor(expected: ExpectedGuest) {
    this.#expected = expected;
  }

  /** Everything so far. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Undefined until its first record is whole. Once `push` has thrown, a channel may be another guest's. */
  get role(): 'main' | 'channel' | undefined {
    return this.#role;
  }

  /** Whether it is, or was, a source's main, whether or not that fits. */
  get isSource(): boolean {
    return this.#role === 'main' || this.#isMisfit;
  }

  /** A channel's number. */
  get channel(): number {
    return this.#channel;
  }

  /** Whether it is a channel that fits but for its number, which is beyond this end's channels. */
  get isSurplus(): boolean {
    return this.#role === 'channel' && this.#channel >= this.#expected.channels;
  }

  get proven(): boolean {
    return this.#proven;
  }

  /** Number of a channel's first packet (docs/wire.md, 4.3), once it has come. */
  get firstPacket(): number | undefined {
    return this.#numberAt(INIT_PACKET_SIZE);
  }

  /** Number of its second packet, once it has come. Undefined if the first one has a payload: no setup sync has. */
  get secondPacket(): number | undefined {
    if (this.firstPacket === undefined) return undefined;
    const hasPayload = readU32(this.#bytes, INIT_PACKET_SIZE + NORMAL_AT) > 0;
    const at = INIT_PACKET_SIZE + packetHeaderSize(this.#expected.pageSize);
    const second = hasPayload ? undefined : this.#numberAt(at);
    const isRam = second !== undefined && (readU32(this.#bytes, at + FLAGS_AT) & FLAG_DEVICE_STATE) === 0;
    return isRam ? second : undefined;
  }

  /** Whether it is a channel that has sent no more than its first packet, without a page: the setup sync. */
  get isInSetup(): boolean {
    const most = INIT_PACKET_SIZE + packetHeaderSize(this.#expected.pageSize);
    return this.#role === 'channel' && this.#bytes.length <= most;
  }

  #numberAt(packet: number): number | undefined {
    if (this.#role !== 'channel' || this.#bytes.length < packet + NUMBER_AT + 8) return undefined;
    return readU64(this.#bytes, packet + NUMBER_AT);
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Main: whether the START section of RAM is over, and the setup sync with it: each channel has sent its first packet. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /**
   * Whether it is the main of a source that waits for no answer: it may have sent everything by now, and let go of its
   * guest, whatever becomes of that here. Known once main is proven, or its configuration does not fit.
   */
  get mayHaveLetGo(): boolean {
    if (this.#role === 'channel' || this.#returnPath) return false;
    if (this.#isMisfit) return !Buffer.from(this.#bytes).includes(encodeCommand(COMMAND.OPEN_RETURN_PATH));
    return this.#proven;
  }

  /** Main: how many channels its source has; undefined if it does not say, as a QEMU. */
  get sourceChannels(): number | undefined {
    return this.#sourceChannels;
  }

  /** Main: whether its source listens for the reason of a failure. */
  get wantsReason(): boolean {
    if (this.#role !== undefined) return this.#wantsReason;
    // Its configuration does not fit, so nothing behind it was decoded.
    return this.#decoder !== undefined && Buffer.from(this.#bytes).includes(RETURN_PATH_REQUEST);
  }

  /**
   * Takes more bytes, and copies them.
   * @throws MultifdError if they are a stranger's. Faults behind the proving record are found by its thread.
   */
  push(bytes: Uint8Array): void {
    this.#bytes = concat(this.#bytes, bytes);
    if (this.#decoder !== undefined) this.#readMain(bytes);
    else if (this.#role === undefined) this.#recognise();
    if (this.#role === 'channel') this.#readPacket();
  }

  #recognise(): void {
    if (this.#bytes.length < 4) return;
    const kind = classify(this.#bytes.subarray(0, 4));
    if (kind === 'foreign') throw new MultifdError('protocol', foreignTongue(this.#bytes));
    if (kind === 'main') {
      this.#decoder = new MainStreamDecoder({ pageSize: this.#expected.pageSize });
      this.#readMain(this.#bytes);
    } else if (this.#bytes.length >= INIT_PACKET_SIZE) this.#readInit();
  }

  #readInit(): void {
    const packet = decodeInitPacket(this.#bytes.subarray(0, INIT_PACKET_SIZE), 'channel');
    const { uuid, channels } = this.#expected;
    const where = `channel ${packet.channel}`;
    // It is a channel, whether or not it is this guest's: admission asks that of one that is refused.
    this.#channel = packet.channel;
    this.#role = 'channel';
    // A number that is too high may be the source's mistake; anything else is not this guest's.
    checkInitPacket(packet, { uuid, channels: Math.max(channels, packet.channel + 1) }, where);
  }

  #readPacket(): void {
    if (this.#proven || this.#bytes.length < INIT_PACKET_SIZE + PACKET_PREFIX_SIZE) return;
    peekFlags(this.#bytes.subarray(INIT_PACKET_SIZE), `channel ${this.#channel}, packet 0`);
    this.#proven = true;
  }

  #readMain(bytes: Uint8Array): void {
    try {
      for (const record of this.#decoder?.push(bytes) ?? []) this.#record(record);
    } catch (error) {
      this.#isMisfit = !this.#proven && MultifdError.is(error) && error.code === 'incompatible';
      if (!this.#proven) throw error;
      this.#decoder = undefined;
      return;
    }
    // More device state before RAM than can be looked at here.
    if (this.#role === 'main' && this.#bytes.length >= MOST_LOOKED_AT) this.#proven = true;
  }

  #record(record: MainRecord): void {
    if (record.type === 'configuration') {
      checkConfiguration(record, this.#expected, 'main stream, configuration');
      this.#role = 'main';
    } else if (record.type === 'section' || record.type === 'early-section') {
      this.#proven = true;
      if (record.type === 'section' && record.kind !== 'start' && this.#progress === 'setup')
        this.#progress = 'rounds';
    } else if (record.type === 'command') {
      this.#readCommand(record);
    } else if (record.type === 'footer') this.#hasSynced = true;
    else if (record.type === 'page') this.#progress = 'pages';
  }

  #readCommand({ command, data }: CommandRecord): void {
    if (command === COMMAND.OPEN_RETURN_PATH) this.#returnPath = true;
    if (command !== COMMAND.PING || !this.#returnPath) return;
    const value = readU32(data, 0);
    if (value === PING_WANTS_REASON) this.#wantsReason = true;
    this.#sourceChannels ??= channelsOfPing(value);
  }
}
