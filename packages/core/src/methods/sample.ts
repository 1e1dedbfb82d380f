import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import { maxPagesPerPacket } from '../wire/layout.js';
import { type GuestSample, sampleGuest } from './guest-sample.js';
import { openSendHooks, prepare } from './hooks.js';
import type { MethodOptions, MultiFDMethods } from './methods.js';

/** The result of trying a method on a few packets of a guest. */
export interface MethodSample {
  /** Number of packets made: fewer than asked for, or none, if the guest holds few nonzero pages. */
  readonly packets: number;
  /** Bytes of their pages, none of which is a zero page. */
  readonly pageBytes: number;
  /** Bytes of their payloads. */
  readonly payloadBytes: number;
  /** ms that the method took, excluding the reading of pages. */
  readonly duration: number;
}

export interface SampleOptions {
  /** Number of packets, of up to 512 KiB each, spread evenly over the guest. Default 4. */
  readonly packets?: number;
  readonly settings?: MethodOptions['settings'];
  /** Ends the trial early: the result is what was made so far. A method that does not return is abandoned. */
  readonly signal?: AbortSignal;
}

/**
 * Tries a method on a sample of a guest, in this thread, as a channel would use it: to choose a method, or to show
 * what it saves. The guest may run. Each packet may block this thread while the method works on it; between packets
 * this yields to the event loop.
 *
 * @param method from `loadMethod`.
 * @throws MultifdError `usage` for its settings, `io` if memory cannot be read; whatever the method throws.
 */
export async function sampleMethod(
  method: MultiFDMethods,
  ram: GuestRamDescriptor,
  { packets = 4, settings = {}, signal }: SampleOptions = {},
): Promise<MethodSample> {
  const sample = await sampleGuest(ram, { packets, ...(signal === undefined ? {} : { signal }) });
  try {
    return await tryMethod(method, sample, settings, signal);
  } finally {
    sample.close();
  }
}

/** As `sampleMethod`, on a sample taken before, so that several methods get the same pages. */
export async function tryMethod(
  method: MultiFDMethods,
  { pageSize, packets }: GuestSample,
  settings: MethodOptions['settings'],
  signal?: AbortSignal,
): Promise<MethodSample> {
  const made = { packets: 0, pageBytes: 0, payloadBytes: 0, duration: 0 };
  const options = { channel: 0, pageSize, maxPages: maxPagesPerPacket(pageSize), settings };
  if (signal?.aborted) return made;
  const hooks = await patiently(signal, () => openSendHooks(method, options));
  try {
    for (const pages of packets) {
      if (signal?.aborted) break;
      const start = performance.now();
      const prepared = await patiently(signal, async () =>
        hooks === undefined ? undefined : prepare('a sample', method, hooks, pages),
      );
      if (prepared === undefined) break;
      made.duration += performance.now() - start;
      made.packets++;
      made.pageBytes += pages.count * pageSize;
      made.payloadBytes += prepared.size;
      prepared.release?.();
      await eventLoopTurn();
    }
    return made;
  } finally {
    await patiently(signal, async () => hooks?.cleanup());
  }
}

/** The result of `work`; undefined if `signal` aborts first. */
async function patiently<Value>(
  signal: AbortSignal | undefined,
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  if (signal === undefined) return work();
  const aborted = Promise.withResolvers<undefined>();
  const abort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
