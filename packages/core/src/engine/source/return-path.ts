import type { Socket } from 'node:net';
import { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import { inTime } from '../../time-limit.js';
import { decodeReason } from '../../wire/reason.js';
import { PONG_IS_MULTIFD, PONG_TAKES_ZERO_RUNS, ReturnPathDecoder } from '../../wire/return-path.js';
import { FirstAnswer } from './first-answer.js';
import { HeardReason } from './heard-reason.js';

/** Promises of what the return path brings. */
export interface ReturnPathAnswers {
  /** Resolves with the PONG of `lastPing`: the destination has read main and can take RAM. */
  readonly begun: Promise<void>;
  /** Resolves with SHUT(0), rejects with any other SHUT. */
  readonly shut: Promise<void>;
  /** The destination's report. */
  readonly report: Promise<Uint8Array>;
  /** Resolves when the return path has ended. */
  readonly closed: Promise<void>;
  /** Returns the destination's reason in place of an error that says only that it is gone. */
  explain(error: MultifdError): MultifdError;
  /** When the last bytes came (`performance.now()`). */
  lastSign(): number;
}

/** Listeners of the return path. Each is called at once, before anything else happens on the connections. */
export interface ReturnPathListener {
  /** The destination, a multifd, takes runs of zero pages. Absent: this end sends none. */
  zeroRuns?(): void;
  /** A PONG: the destination has taken the configuration. @param isMultifd it has said that it is one. */
  answered(isMultifd: boolean): void;
  /** SHUT(0): the guest is there. False if it cannot be, since not all of it was sent. */
  accepted(): boolean;
  /** SHUT of anything else: the guest is not there. */
  refused(): void;
  /** REASON: why the destination fails, or why it drops a connection. It may come alone. */
  reason(reason: MultifdError): void;
  /** Called with what is wrong, after `refused` too. */
  failed(error: MultifdError): void;
  /** The destination has closed main: it brings no reason any more. Called once. */
  ended(): void;
  /** The source asks for a report, which a QEMU refuses as a device that it does not know. */
  readonly asksReport?: boolean;
}

/**
 * Listens to the return path on main's socket.
 * @param lastPing value of the last PING before RAM (`returnPathRequest`).
 */
export function listenToReturnPath(
  socket: Socket,
  lastPing: number | undefined,
  listener: ReturnPathListener,
): ReturnPathAnswers {
  const begun = Promise.withResolvers<void>();
  const shut = Promise.withResolvers<void>();
  const report = Promise.withResolvers<Uint8Array>();
  const closed = Promise.withResolvers<void>();
  // Mark the rejections handled: not every source waits for an answer.
  begun.promise.catch(() => {});
  shut.promise.catch(() => {});
  report.promise.catch(() => {});
  const decoder = new ReturnPathDecoder();
  const first = new FirstAnswer();
  const heard = new HeardReason();
  let lastSign = 0;
  const fail = (error: MultifdError): void => {
    begun.reject(error);
    shut.reject(error);
    report.reject(error);
    listener.failed(error);
  };
  socket.on('data', (chunk: Uint8Array) => {
    lastSign = performance.now();
    first.push(chunk);
    try {
      for (const message of decoder.push(chunk)) {
        if (message.type === 'shut' && message.status === 0) {
          if (listener.accepted()) shut.resolve();
          else fail(tooEarly());
        } else if (message.type === 'shut') {
          listener.refused();
          fail(heard.explain(refused(message.status, listener.asksReport === true)));
        } else if (message.type === 'reason') {
          const reason = decodeReason(message.data);
          if (reason === undefined) continue;
          heard.hear(reason);
          listener.reason(reason);
        } else if (message.type === 'report') {
          report.resolve(message.data);
        } else if (message.type === 'pong') {
          listener.answered(message.value === PONG_IS_MULTIFD);
          if (message.value === PONG_TAKES_ZERO_RUNS) listener.zeroRuns?.();
          if (message.value === lastPing) begun.resolve();
        }
      }
    } catch (error) {
      fail(first.foreign() ?? misread(error));
    }
  });
  let isOpen = true;
  const ended = (): void => {
    if (!isOpen) return;
    isOpen = false;
    const error = heard.explain(
      new MultifdError('peer-closed', 'main stream: the destination closed it without its last word'),
    );
    begun.reject(error);
    shut.reject(error);
    report.reject(error);
    listener.ended();
    closed.resolve();
  };
  // A relay's socket stays open when the destination has closed its direction.
  socket.on('end', ended);
  socket.on('close', ended);
  return {
    begun: begun.promise,
    shut: shut.promise,
    report: report.promise,
    closed: closed.promise,
    explain: (error) => heard.explain(error),
    lastSign: () => lastSign,
  };
}

/**
 * Waits until the destination can take RAM: until its PONG to the last PING has come. A QEMU reads main, and answers,
 * once all channels are connected; a relay answers when its own destination has. Before that no page is sent: kernels
 * on the way would take a small guest whole, and it would be stopped for a destination that never reads.
 * @throws MultifdError `timeout` if nothing comes for `setupTimeout`, `cancelled` when `signal` aborts.
 */
export async function awaitBegun(
  answers: ReturnPathAnswers,
  { setupTimeout, completionTimeout }: Pick<MigrationParameters, 'setupTimeout' | 'completionTimeout'>,
  where: string,
  signal: AbortSignal,
): Promise<void> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new MultifdError('cancelled', 'the thread was told to stop'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await inTime(Promise.race([answers.begun, stopped]), {
      timeout: setupTimeout,
      atMost: completionTimeout,
      what: `${where}: no answer from the destination`,
      hint: 'it hangs, or waits for more channels: multifd-channels must be the same on both ends',
      lastSign: answers.lastSign,
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Waits for the destination's final answer. It may take long to sync everything to disk, as long as it shows that it is
 * alive.
 * @param timeout ms without a sign of life.
 * @param atMost ms in all.
 */
export function awaitShut(answers: ReturnPathAnswers, timeout: number, atMost: number): Promise<void> {
  return inTime(answers.shut, {
    timeout,
    atMost,
    what: 'main stream: no word of completion from the destination',
    lastSign: answers.lastSign,
  });
}

/** The error for bytes that are no return-path message. */
function misread(cause: unknown): MultifdError {
  const error = MultifdError.from(cause, 'protocol', 'return path');
  if (error.code !== 'protocol' || error.hint !== undefined) return error;
  return new MultifdError(error.code, error.message, {
    cause: error,
    hint: 'look at the address and port: what listens there may be no destination',
  });
}

function tooEarly(): MultifdError {
  return new MultifdError(
    'protocol',
    'return path: the destination says that it has everything before it can',
    {
      hint: 'what listens there is no destination',
    },
  );
}

function refused(status: number, asksReport: boolean): MultifdError {
  const look = "see the destination's own message";
  return new MultifdError(
    'peer-closed',
    `main stream: the destination failed (SHUT ${status} on the return path)`,
    {
      hint: asksReport ? `${look}; a QEMU knows no report: leave requestReport out for one` : look,
    },
  );
}
