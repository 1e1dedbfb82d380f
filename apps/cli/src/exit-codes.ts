import { type ErrorCode, MultifdError } from '@multifd/core';

/** Every way in which the command can end. Scripts rely on the numbers. */
export const EXIT = {
  /** Migrated, and verified if that was asked for. */
  done: 0,
  /** Failed. The guest was not handed over, unless the error says that both may have it, or neither. */
  failed: 1,
  /** A wrong option, size, address or path. */
  usage: 2,
  /** An accelerator, a compression or a host package that was asked for by name is not available, or Node is too old. */
  unavailable: 3,
  /** The two ends do not fit together. */
  incompatible: 4,
  /**
   * The guest has left its source, and must not be started there; but what was to follow did not: memory was not
   * verified, since that was interrupted, could not be done, or found a difference; or the source was told and did not
   * let go of it in time (COLO): then guest-at is `either`.
   */
  left: 5,
  /** SIGINT, SIGTERM or SIGHUP: 128 + 2, as shells have it. The guest was not handed over, or none had come. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_ERROR: Readonly<Record<ErrorCode, ExitCode>> = {
  usage: EXIT.usage,
  protocol: EXIT.failed,
  incompatible: EXIT.incompatible,
  'peer-closed': EXIT.failed,
  tls: EXIT.failed,
  timeout: EXIT.failed,
  cancelled: EXIT.interrupted,
  accelerator: EXIT.failed,
  codec: EXIT.failed,
  'accelerator-unavailable': EXIT.unavailable,
  'codec-unavailable': EXIT.unavailable,
  'host-unavailable': EXIT.unavailable,
  guest: EXIT.failed,
  io: EXIT.failed,
  internal: EXIT.failed,
};

/** @param completed the guest has left: then nothing that follows can be taken for a migration that failed. */
export function endOf(completed: boolean, error: unknown): ExitCode {
  if (error === undefined) return EXIT.done;
  return completed ? EXIT.left : exitCodeOf(error);
}

export function exitCodeOf(error: unknown): ExitCode {
  if (!MultifdError.is(error)) return EXIT.failed;
  if (error.guest === 'destination') return EXIT.left;
  // A source that does not wait for an answer may have let go of its guest by then.
  if (error.code === 'cancelled' && error.guest === 'either') return EXIT.failed;
  return BY_ERROR[error.code];
}
