import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import { maxPagesPerPacket } from '../wire/layout.js';
import { type GuestSample, sampleGuest } from './guest-sample.js';
import type { MethodOptions, MultiFDMethods } from './methods.js';

/** What a method made of a few packets of a guest. */
export interface MethodSample {
  /** Packets that were made: fewer than asked for where there is little but zero pages, or none. */
  readonly packets: number;
  /** Bytes of their pages, none of them zero pages. */
  readonly pageBytes: number;
  /** Bytes of their payloads. */
  readonly payloadBytes: number;
  /** ms that the method took, without reading the pages. */
  readonly duration: number;
}

export interface SampleOptions {
  /** Packets of up to 512 KiB, spread evenly over the guest. Default 4. */
  readonly packets?: number;
  readonly settings?: MethodOptions['settings'];
  /** Ends it early: what was made so far is the result. A method that does not come back is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Tries a method on a little of a guest, in this thread, as a channel would: for choosing a method, or for telling what
 * one brings. The guest may run. Each packet holds this thread for as long as it takes; other work gets its turn between
 * two of them.
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

/** As `sampleMethod`, on pages that were taken before: so that several methods get the same. */
export async function tryMethod(
  method: MultiFDMethods,
  { pageSize, packets }: GuestSample,
  settings: MethodOptions['settings'],
  signal?: AbortSignal,
): Promise<MethodSample> {
  const made = { packets: 0, pageBytes: 0, payloadBytes: 0, duration: 0 };
  const options = { channel: 0, pageSize, maxPages: maxPagesPerPacket(pageSize), settings };
  if (signal?.aborted) return made;
  const hooks = await patiently(signal, async () => method.sendSetup(options));
  try {
    for (const pages of packets) {
      if (signal?.aborted) break;
      const start = performance.now();
      const prepared = await patiently(signal, async () => hooks?.prepare(pages));
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

/** What `work` gives; undefined if it has given nothing when `signal` is aborted. */
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
