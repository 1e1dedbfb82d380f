import { type MigrationStatus, MultifdError } from '@multifd/core';
import { EXIT, type ExitCode } from './exit-codes.js';
import { INHERITED } from './inherited-signals.js';

/** ms. A terminal signals the whole process group, and pnpm and the launcher may pass the same one on. */
const SAME_KEYPRESS = 300;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The user's wish to stop. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** The migration's status, which decides what a second signal may say of the guest. */
  reached(status: MigrationStatus): void;
  /** The command has come to its end, with this exit code: a signal from now on ends the process with it. */
  release(code: ExitCode): void;
}

export function cancelled(): MultifdError {
  return new MultifdError('cancelled', 'interrupted');
}

/**
 * The first signal aborts `signal`; a second one ends the process at once. Its exit code must not say that the guest is
 * intact at its source (130) when it may be gone.
 */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let first = 0;
  let atOnce: ExitCode = EXIT.interrupted;
  let isOver = false;
  const onSignal = () => {
    if (isOver) {
      process.exit(atOnce);
    } else if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(cancelled());
    } else if (performance.now() - first > SAME_KEYPRESS) {
      process.exit(atOnce);
    }
  };
  // Who has started us with a signal as ignored (nohup, `cmd &` in a script) does not want to stop us with it.
  for (const name of SIGNALS) if (!INHERITED.has(name)) process.on(name, onSignal);
  return {
    signal: controller.signal,
    reached(status) {
      if (status === 'device') atOnce = EXIT.failed;
      else if (status === 'completed') atOnce = EXIT.left;
    },
    release(code) {
      atOnce = code;
      isOver = true;
    },
  };
}
