import { type ErrorCode, MultifdError } from './errors.js';

export interface TimeLimit {
  /** ms. */
  readonly timeout: number;
  /** Start of the error's text; `within N ms` follows. */
  readonly what: string;
  readonly hint?: string;
  /** Default `timeout`. */
  readonly code?: ErrorCode;
  /** Time of the peer's last sign of life (`performance.now()`): the limit counts from there. Default: from now. */
  readonly lastSign?: () => number;
  /** ms in all, whatever signs of life the peer shows. Default: no such limit. */
  readonly atMost?: number;
}

/** A timer that is late by so many ms shows that this process stood still. */
const STOOD_STILL = 250;
/** ms that bytes which came meanwhile get to pass through the event loops of all threads concerned. */
const SETTLING = 500;

/**
 * Waits for `answer` within a time limit.
 * @throws MultifdError of the limit's code.
 */
export async function inTime<T>(answer: Promise<T>, limit: TimeLimit): Promise<T> {
  const { timeout, what, hint, code = 'timeout', lastSign, atMost = Number.POSITIVE_INFINITY } = limit;
  const start = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let settled = false;
  const late = new Promise<never>((_, reject) => {
    const look = (): void => {
      const now = performance.now();
      const left = Math.max(start, lastSign?.() ?? start) + timeout - now;
      const inAll = start + atMost - now;
      if (left > 0 && inAll > 0) timer = setTimeout(look, Math.min(left, inAll));
      else if (Math.min(left, inAll) < -STOOD_STILL && !settled) {
        settled = true;
        timer = setTimeout(look, SETTLING);
      } else {
        const passed = inAll > 0 ? timeout : atMost;
        const error = new MultifdError(
          code,
          `${what} within ${passed} ms`,
          hint === undefined ? {} : { hint },
        );
        // Node runs timers before it reads sockets: after a pause of this process the answer may lie there unread.
        setImmediate(() => reject(error));
      }
    };
    look();
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether `work` is still pending after `ms`. */
export async function isSilent(work: Promise<unknown>, ms: number): Promise<boolean> {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<true>((resolve) => {
    const decide = (): void => void setImmediate(() => resolve(true));
    timer = setTimeout(() => {
      if (performance.now() - due > STOOD_STILL) timer = setTimeout(decide, SETTLING);
      else decide();
    }, ms);
  });
  try {
    const over = work.then(
      () => false,
      () => false,
    );
    return await Promise.race([over, late]);
  } finally {
    clearTimeout(timer);
  }
}
