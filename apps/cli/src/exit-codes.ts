import { type ErrorCode, MultifdError } from '@multifd/core';

/** Every way in which the command can end. Scripts rely on the numbers. */
export const EXIT = {
  /** Migrated, and verified if that was asked for. */
  done: 0,
  /** Failed, or did not verify. */
  failed: 1,
  /** A wrong option, size, address or path. */
  usage: 2,
  /** An accelerator, a compression or a host package that was asked for by name is not available. */
  unavailable: 3,
  /** The two ends do not fit together. */
  incompatible: 4,
  /** SIGINT or SIGTERM: 128 + 2, as shells have it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_ERROR: Readonly<Record<ErrorCode, ExitCode>> = {
  usage: EXIT.usage,
  protocol: EXIT.failed,
  incompatible: EXIT.incompatible,
  'peer-closed': EXIT.failed,
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

export function exitCodeOf(error: unknown): ExitCode {
  return MultifdError.is(error) ? BY_ERROR[error.code] : EXIT.failed;
}
