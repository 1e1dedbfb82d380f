import { MultifdError } from '@multifd/core';
import { EXIT } from './exit-codes.js';

/** ms. A terminal signals the whole process group, and pnpm and the launcher may pass the same one on. */
const SAME_KEYPRESS = 300;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The user's wish to stop. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** From now on signals do again what they do by default. */
  release(): void;
}

export function cancelled(): MultifdError {
  return new MultifdError('cancelled', 'interrupted');
}

/** The first signal aborts `signal`; a second one ends the process at once. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(cancelled());
    } else if (performance.now() - first > SAME_KEYPRESS) {
      process.exit(EXIT.interrupted);
    }
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
