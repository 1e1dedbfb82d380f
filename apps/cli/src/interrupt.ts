import { type GuestWord, type MigrationStatus, MultifdError } from '@multifd/core';
import { EXIT, type ExitCode } from './exit-codes.js';
import { INHERITED } from './inherited-signals.js';

/** ms. A terminal signals the whole process group, and pnpm and the launcher may pass the same one on. */
const SAME_KEYPRESS = 300;
/** ms that the end may take after a signal before it is told what is waited for. */
const SILENT_END = 300;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The user's wish to stop. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** The migration's status, which decides what a signal may say. */
  reached(status: MigrationStatus): void;
  /** The command has come to its end, with this exit code: a signal from now on ends the process with it. */
  release(code: ExitCode): void;
}

/** What a migration says when signals come. `status` is the migration's at that time. */
export interface OnSignal {
  /** One line for the user. */
  note(line: string): void;
  /** The first signal does not end it soon: what is waited for. */
  waitsFor(status: MigrationStatus): string;
  /** A second signal: tells how it stands, and gives the exit code. The process ends right behind it. */
  endAtOnce(status: MigrationStatus): ExitCode;
}

export function cancelled(): MultifdError {
  return new MultifdError('cancelled', 'interrupted');
}

/** The error of a command that a second signal has ended. @param word undefined: no guest has come, or none is known of. */
export function endedAtOnce(word: GuestWord | undefined): MultifdError {
  return new MultifdError('cancelled', 'interrupted again: ended at once', {
    ...(word === undefined ? {} : { guest: word.guest, hint: word.words }),
  });
}

/** The first signal aborts `signal`; a second one ends the process at once. */
export function listenForInterrupt(onSignal?: OnSignal): Interrupt {
  const controller = new AbortController();
  let first = 0;
  let status: MigrationStatus = 'none';
  let over: ExitCode | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tellWhatIsWaitedFor = () =>
    onSignal?.note(`interrupted: ${onSignal.waitsFor(status)}; a second signal ends this process at once`);
  const onceMore = () => {
    clearTimeout(timer);
    over = EXIT.interrupted;
    over = onSignal?.endAtOnce(status) ?? over;
    process.exit(over);
  };
  const listener = () => {
    if (over !== undefined) {
      process.exit(over);
    } else if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(cancelled());
      timer = setTimeout(tellWhatIsWaitedFor, SILENT_END).unref();
    } else if (performance.now() - first > SAME_KEYPRESS) {
      onceMore();
    }
  };
  // Who has started us with a signal as ignored (nohup, `cmd &` in a script) does not want to stop us with it.
  for (const name of SIGNALS) if (!INHERITED.has(name)) process.on(name, listener);
  return {
    signal: controller.signal,
    reached(next) {
      // What came before tells more: a failure may be that the destination gave no answer.
      if (next !== 'failed') status = next;
    },
    release(code) {
      clearTimeout(timer);
      over = code;
    },
  };
}
