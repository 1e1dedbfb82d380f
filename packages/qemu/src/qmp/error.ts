/**
 * What went wrong between us and a QEMU's monitor, as a closed list.
 *
 * - `refused`: QEMU answered the command with an error; `class` and the message are its own.
 * - `timeout`: no answer, or no event, in time. A destination that hangs looks like this.
 * - `closed`: the connection ended, or could not be made.
 * - `protocol`: the other end does not speak QMP.
 */
export type QmpErrorCode = 'refused' | 'timeout' | 'closed' | 'protocol';

/** Every error that the QMP client throws. `message` is one line. */
export class QmpError extends Error {
  readonly code: QmpErrorCode;
  /** The command that failed; undefined if it is about the connection. */
  readonly command: string | undefined;
  /** QEMU's error class (`GenericError`, `CommandNotFound`, ...); only for `refused`. */
  readonly class: string | undefined;
  /** QEMU's own words; only for `refused`. */
  readonly desc: string | undefined;

  constructor(
    code: QmpErrorCode,
    message: string,
    details: { command?: string; class?: string; desc?: string; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'QmpError';
    this.code = code;
    this.command = details.command;
    this.class = details.class;
    this.desc = details.desc;
  }
}
