import { MultifdError, WireError } from '../errors.js';
import { concat, hex, readU16, readU32, u16, u32 } from './bytes.js';
import { RETURN_PATH } from './layout.js';

/**
 * Name of the FULL section with which a multifd source asks for a REPORT. QEMU never sends such a section, so it
 * never gets a message that it does not know.
 */
export const REPORT_SECTION = 'multifd/report';

/**
 * Value of the PING with which a relay says, before RAM, that the guest's source waits for no reply: the relay itself
 * waits, but telling it that the guest is not here restores the guest nowhere. A QEMU treats it as an ordinary PING.
 */
export const PING_SOURCE_DOES_NOT_WAIT = 0x4d46_0002;

/**
 * Value of the PING with which a relay says, after SHUT(0), that the guest's source was told and keeps main open: it may
 * not have let go of the guest. Main has ended for a QEMU, which reads no further. One of a relay's two last words.
 */
export const PING_SOURCE_KEEPS_MAIN = 0x4d46_0003;

/**
 * Value of the first PING of a multifd source: it understands REASON (`encodeReason`). A QEMU treats it as an ordinary
 * PING, and never sends it.
 */
export const PING_WANTS_REASON = 0x4d46_0001;

/**
 * Value of the PONG with which a multifd destination, or a relay, says that it is one, at once and in front of the PONG that
 * answers PING_WANTS_REASON. A QEMU sends only values that it was asked for, and no source asks for this one.
 */
export const PONG_IS_MULTIFD = 0x4d46_0101;

/**
 * Value of the PING with which a multifd source says that it can send runs of zero pages (FLAG_ZERO_RUNS), and of the
 * PONG with which a multifd destination says that it takes them, in front of the one that answers. A QEMU answers with one PONG of the same value.
 */
export const PING_HAS_ZERO_RUNS = 0x4d46_0004;
export const PONG_TAKES_ZERO_RUNS = 0x4d46_0104;

/** Value of the PING with which a relay says, before RAM, that it is one: its main ends with one of two words. */
export const PING_IS_RELAY = 0x4d46_0005;

/** The other word: the guest's source was told, and has closed main. Without it the relay ended before it knew. */
export const PING_SOURCE_LET_GO = 0x4d46_0006;

/** The upper half of the PING with which a multifd source says how many channels it has: the lower half is the number. */
const CHANNELS = 0x4d47;

/** Value of the PING of a source that has so many channels, 1 to 255. */
export function pingOfChannels(channels: number): number {
  return CHANNELS * 0x1_0000 + channels;
}

/** The number of channels that a PING tells; undefined for any other PING. */
export function channelsOfPing(value: number): number | undefined {
  return value >>> 16 === CHANNELS ? value & 0xffff : undefined;
}

/** Whether the value of a PING or PONG is one of multifd's own: QEMU's are 1 to 4. */
export function isOurs(value: number): boolean {
  return value >>> 16 === 0x4d46 || value >>> 16 === CHANNELS;
}

const HEADER_SIZE = 4;
const MAX_DATA_SIZE = 0xffff;
const MAX_REASON_SIZE = 4096;

/** A message from destination to source, on the main socket (docs/wire.md, 2.5). */
export type ReturnPathMessage =
  /** Loading is over; status 0 is success. */
  | { readonly type: 'shut'; readonly status: number }
  /** Reply to a PING, with the same value. */
  | { readonly type: 'pong'; readonly value: number }
  /** The destination allows the switchover. */
  | { readonly type: 'switchover-ack' }
  /** Ours: see `encodeReport`. `data` is owned by the receiver of the message. */
  | { readonly type: 'report'; readonly data: Uint8Array }
  /** Ours: see `decodeReason`. `data` is owned by the receiver of the message. */
  | { readonly type: 'reason'; readonly data: Uint8Array };

/**
 * Encodes any message: u16 type, u16 length, data.
 * @throws MultifdError `internal` if `data` is longer than 65535 bytes.
 */
export function encodeReturnPathMessage(type: number, data: Uint8Array): Uint8Array {
  if (data.length > MAX_DATA_SIZE) {
    throw new MultifdError('internal', `return path message: ${data.length} bytes, at most ${MAX_DATA_SIZE}`);
  }
  return concat(u16(type), u16(data.length), data);
}

/** SHUT: everything was received (status 0), or loading failed (any other u32). */
export function encodeShut(status: number): Uint8Array {
  return encodeReturnPathMessage(RETURN_PATH.SHUT, u32(status));
}

/** PONG: answers the PING with this u32. */
export function encodePong(value: number): Uint8Array {
  return encodeReturnPathMessage(RETURN_PATH.PONG, u32(value));
}

/**
 * REPORT, type 0x4d46, which is not QEMU's: a multifd destination's report (JSON, 0 to 65535 bytes). Sent after
 * SHUT(0), and only to a source that asked for it with a FULL section named `multifd/report`.
 * @throws MultifdError `internal` if longer.
 */
export function encodeReport(json: Uint8Array): Uint8Array {
  return encodeReturnPathMessage(RETURN_PATH.REPORT, json);
}

/** Messages that are known but refused: they belong to postcopy, which multifd excludes. */
const POSTCOPY: ReadonlyMap<number, string> = new Map([
  [RETURN_PATH.REQ_PAGES_ID, 'REQ_PAGES_ID'],
  [RETURN_PATH.REQ_PAGES, 'REQ_PAGES'],
  [RETURN_PATH.RECV_BITMAP, 'RECV_BITMAP'],
  [RETURN_PATH.RESUME_ACK, 'RESUME_ACK'],
]);

/** Valid data sizes of each type, in bytes. */
const SIZES: ReadonlyMap<number, { readonly min: number; readonly max: number }> = new Map([
  [RETURN_PATH.SHUT, { min: 4, max: 4 }],
  [RETURN_PATH.PONG, { min: 4, max: 4 }],
  [RETURN_PATH.SWITCHOVER_ACK, { min: 0, max: 0 }],
  [RETURN_PATH.REPORT, { min: 0, max: MAX_DATA_SIZE }],
  [RETURN_PATH.REASON, { min: 0, max: MAX_REASON_SIZE }],
]);

/** Splits the return path into messages. Holds at most one incomplete message. */
export class ReturnPathDecoder {
  readonly #where: string;
  #rest: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #failure: WireError | undefined;

  /** @param where the connection, for messages. */
  constructor(where = 'return path') {
    this.#where = where;
  }

  /**
   * Returns the messages that `chunk` completes. The caller owns `chunk` again afterwards.
   * @throws WireError `protocol` for unknown types and wrong lengths, `incompatible` for postcopy messages; every
   *   later call throws the same.
   */
  push(chunk: Uint8Array): ReturnPathMessage[] {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = this.#rest.length === 0 ? chunk : concat(this.#rest, chunk);
    const messages: ReturnPathMessage[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_SIZE) {
      const type = readU16(bytes, at);
      const size = readU16(bytes, at + 2);
      this.#check(type, size);
      if (bytes.length - at < HEADER_SIZE + size) break;
      messages.push(toMessage(type, bytes.subarray(at + HEADER_SIZE, at + HEADER_SIZE + size)));
      at += HEADER_SIZE + size;
      this.#offset += HEADER_SIZE + size;
    }
    this.#rest = bytes.slice(at);
    return messages;
  }

  /** The peer has closed. @throws WireError `protocol` if it did so inside a message. */
  end(): void {
    if (this.#rest.length === 0) return;
    throw this.#fault(
      'message',
      this.#offset,
      'a whole message',
      `${this.#rest.length} bytes of one, then the end`,
    );
  }

  #check(type: number, size: number): void {
    const allowed = SIZES.get(type);
    const postcopy = POSTCOPY.get(type);
    if (allowed === undefined) {
      this.#failure =
        postcopy === undefined
          ? this.#fault('type', this.#offset, 'SHUT, PONG, SWITCHOVER_ACK, REPORT or REASON', hex(type))
          : this.#fault('type', this.#offset, 'no postcopy message', `${postcopy} (${type})`, 'incompatible');
      throw this.#failure;
    }
    if (size < allowed.min || size > allowed.max) {
      this.#failure = this.#fault('length', this.#offset + 2, `${allowed.min}`, `${size}`);
      throw this.#failure;
    }
  }

  #fault(
    field: string,
    offset: number,
    expected: string,
    got: string,
    code: 'protocol' | 'incompatible' = 'protocol',
  ): WireError {
    const hint = code === 'incompatible' ? 'turn postcopy-ram off on the destination' : undefined;
    return new WireError({ where: this.#where, field, offset, expected, got }, code, hint);
  }
}

function toMessage(type: number, data: Uint8Array): ReturnPathMessage {
  switch (type) {
    case RETURN_PATH.SHUT:
      return { type: 'shut', status: readU32(data, 0) };
    case RETURN_PATH.PONG:
      return { type: 'pong', value: readU32(data, 0) };
    case RETURN_PATH.SWITCHOVER_ACK:
      return { type: 'switchover-ack' };
    case RETURN_PATH.REASON:
      return { type: 'reason', data: data.slice() };
    default:
      return { type: 'report', data: data.slice() };
  }
}
