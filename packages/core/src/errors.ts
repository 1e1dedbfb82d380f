import { shortageOf } from './shortage.js';

/**
 * What went wrong, as a closed list: callers branch on it, the command line maps it to exit codes.
 *
 * - `usage`: an option, size, address or path that cannot be right.
 * - `protocol`: the peer sent bytes that the wire format does not allow.
 * - `incompatible`: the peer speaks the format, but the two ends do not fit together (uuid, channel count,
 *   page size, RAM blocks, codec).
 * - `peer-closed`: a connection ended or was reset before the migration was over.
 * - `timeout`: a time limit on the peer passed.
 * - `cancelled`: the caller's AbortSignal.
 * - `accelerator`: the zero check threw, hung or answered nonsense.
 * - `codec`: a compression method hung, or took its thread down.
 * - `accelerator-unavailable`, `codec-unavailable`, `host-unavailable`: asked for by name and not to be had here.
 * - `guest`: a callback of the caller (stop, resume, RAM, device state) failed.
 * - `io`: the operating system refused (port in use, disk full, read-only file).
 * - `internal`: a mistake of ours.
 */
export type ErrorCode =
  | 'usage'
  | 'protocol'
  | 'incompatible'
  | 'peer-closed'
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
 * Who has the guest when a migration has failed. `either`: no protocol can tell; both may have it, and it must run in one
 * place only; or its source, which did not wait for an answer, may have let go of it. The error's hint says which.
 */
export type GuestPlace = 'source' | 'destination' | 'either';

/** A `MultifdError` as plain data, so that it can cross from one thread to another. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly guest?: GuestPlace;
  readonly stack?: string;
}

const MARKER = Symbol.for('multifd.error');

/** Messages quote what a peer or somebody's module said: it must neither break the line nor drive a terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** Every error that `@multifd/core` throws on purpose. `message` is one line: what, and where. */
export class MultifdError extends Error {
  readonly [MARKER] = true;
  readonly code: ErrorCode;
  /** What to do about it, one line, when there is something to do. */
  readonly hint: string | undefined;
  /** Who has the guest, if this ended a migration; undefined if none had begun. */
  readonly guest: GuestPlace | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; guest?: GuestPlace } = {},
  ) {
    super(oneLine(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MultifdError';
    this.code = code;
    this.hint = options.hint;
    this.guest = options.guest;
  }

  /** Recognises the error by a marker, so that it survives two copies of this package in one process. */
  static is(value: unknown): value is MultifdError {
    return value instanceof Error && Reflect.get(value, MARKER) === true;
  }

  /**
   * `value` itself if it is a MultifdError, else a MultifdError of kind `code` that has it as its cause. What comes of a
   * limit of the system (threads, open files, memory) is no mistake of ours: `io`, with what to raise.
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

/** Where in the peer's bytes something is wrong. */
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

/** Bytes that the wire format does not allow, or that do not fit this end. */
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
}
