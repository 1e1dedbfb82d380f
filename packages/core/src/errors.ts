import { shortageOf } from './shortage.js';

/**
 * What went wrong, as a closed list: callers branch on it, the command maps it to exit codes.
 *
 * - `usage`: an invalid option, size, address or path.
 * - `protocol`: the peer sent bytes that the wire format does not allow.
 * - `incompatible`: the peer speaks the format, but the two ends do not match (uuid, channel count, page size, RAM
 *   blocks, codec).
 * - `peer-closed`: a connection ended or was reset before the migration was over.
 * - `tls`: a TLS handshake failed, or the peer has not proven to be who it must be.
 * - `timeout`: a time limit on the peer passed.
 * - `cancelled`: the caller's AbortSignal.
 * - `accelerator`: the zero check threw, hung or answered nonsense.
 * - `codec`: a compression method hung, or killed its thread.
 * - `accelerator-unavailable`, `codec-unavailable`, `host-unavailable`: asked for, but not available here.
 * - `guest`: a callback of the caller (stop, resume, RAM, device state) failed.
 * - `io`: the operating system refused (port in use, disk full, read-only file).
 * - `internal`: a bug of ours.
 */
export type ErrorCode =
  | 'usage'
  | 'protocol'
  | 'incompatible'
  | 'peer-closed'
  | 'tls'
  | 'timeout'
  | 'cancelled'
  | 'accelerator'
  | 'codec'
  | 'accelerator-unavailable'
  | 'codec-unavailable'
  | 'host-unavailable'
  | 'guest'
  | 'io'
  | 'internal';

/**
 * Who has the guest when a migration has failed. `source`: it was not handed over. A destination or relay cannot see
 * whether the source still runs: a guest whose source was killed is gone with it. `either`: no protocol can tell. Both ends may have it, and it must
 * run in one place only; or its source, which waited for no reply, may have released it. The error's hint says which.
 */
export type GuestPlace = 'source' | 'destination' | 'either';

/** A `MultifdError` as plain data, which can be posted to another thread. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly guest?: GuestPlace;
  readonly stack?: string;
}

const MARKER = Symbol.for('multifd.error');

/** Control characters, further ends of lines, and changes of the writing direction. */
const STEERS = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** Messages and hints quote peers, files and plug-ins, which must not break the line or control a terminal. */
function oneLine(text: string): string {
  return text.replace(STEERS, ' ');
}

/** Every error that `@multifd/core` throws deliberately. `message` is one line: what, and where. */
export class MultifdError extends Error {
  static {
    // What builds core calls a class that names itself otherwise, and Node prints that name.
    Object.defineProperty(MultifdError, 'name', { value: 'MultifdError' });
  }

  readonly code: ErrorCode;
  /** What to do about it, one line; undefined if there is nothing to do. */
  readonly hint: string | undefined;
  /** Who has the guest, if this error ended a migration; undefined if none had begun. */
  readonly guest: GuestPlace | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; guest?: GuestPlace } = {},
  ) {
    super(oneLine(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MultifdError';
    this.code = code;
    this.hint = options.hint === undefined ? undefined : oneLine(options.hint);
    this.guest = options.guest;
  }

  /** Not a member of each error: Node would print it. */
  get [MARKER](): true {
    return true;
  }

  /** Recognizes the error by a marker, which also works with two copies of this package in one process. */
  static is(value: unknown): value is MultifdError {
    return value instanceof Error && Reflect.get(value, MARKER) === true;
  }

  /** `instanceof` does so too: each subpath that threads load has a copy of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return MultifdError.is(value);
  }

  /**
   * Returns `value` itself if it is a MultifdError, else a MultifdError of kind `code` with `value` as its cause. A
   * limit of the system (threads, open files, memory) is not our bug: `internal` then becomes `io`, and the hint says
   * what to raise.
   */
  static from(value: unknown, code: ErrorCode, where: string): MultifdError {
    if (MultifdError.is(value)) return value;
    const text = value instanceof Error ? value.message : String(value);
    const shortage = shortageOf(value);
    if (shortage !== undefined) {
      const { what, hint } = shortage;
      const kind = code === 'internal' ? 'io' : code;
      return new MultifdError(kind, `${where}: ${what} (${text})`, { cause: value, hint });
    }
    return new MultifdError(code, `${where}: ${text}`, { cause: value });
  }

  static fromReport(report: ErrorReport): MultifdError {
    const error = new MultifdError(report.code, report.message, {
      ...(report.hint ? { hint: report.hint } : {}),
      ...(report.guest === undefined ? {} : { guest: report.guest }),
    });
    if (report.stack !== undefined) error.stack = report.stack;
    return error;
  }

  toReport(): ErrorReport {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.guest === undefined ? {} : { guest: this.guest }),
      ...(this.stack === undefined ? {} : { stack: this.stack }),
    };
  }
}

/** Position and content of a fault in the peer's bytes. */
export interface WireFault {
  /** The connection, and on main the section: `channel 3`, `main stream, section ram (PART)`. */
  readonly where: string;
  /** The field's name in docs/wire.md: `magic`, `normal pages`, `offset[5]`. */
  readonly field: string;
  /** Byte offset of the field: from the start of the packet on a channel, of the stream on main. */
  readonly offset: number;
  readonly expected: string;
  readonly got: string;
}

/** Bytes that violate the wire format, or do not match this end. */
export class WireError extends MultifdError {
  readonly fault: WireFault;

  constructor(fault: WireFault, code: 'protocol' | 'incompatible' = 'protocol', hint?: string) {
    super(
      code,
      `${fault.where}: ${fault.field} at byte ${fault.offset}: expected ${fault.expected}, got ${fault.got}`,
      hint === undefined ? {} : { hint },
    );
    this.name = 'WireError';
    this.fault = fault;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return MultifdError.is(value) && Object.hasOwn(value, 'fault');
  }
}
