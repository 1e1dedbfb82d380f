import { MultifdError } from '@multifd/core';
import { EXIT } from './exit-codes.js';

/** ms. A terminal signals the whole process group, and pnpm and the launcher may pass the same one on. */
const SAME_KEYPRESS = 300;

/** The user's wish to stop. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** From now on signals do again what they do by default. */
  release(): void;
}

export function cancelled(): MultifdError {
  return new MultifdError('cancelled', 'interrupted');
}

/** The first SIGINT or SIGTERM aborts `signal`; a second one ends the process at once. */
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
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
