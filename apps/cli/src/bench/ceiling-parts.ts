import type { HostBlockDescriptor } from '@multifd/core/host';

/** What one thread of a ceiling does. */
export interface CeilingPart {
  /** Reads its memory; sends it to `port`; or receives it from whoever connects. */
  readonly role: 'read' | 'send' | 'receive';
  /** Memory, and which bytes of it. */
  readonly block: HostBlockDescriptor;
  readonly offset: number;
  readonly length: number;
  /** Number of the interrupt that its socket needs. */
  readonly interrupt: number;
  /** 0: `role` has none. */
  readonly port: number;
}

/** What such a thread says. `at`: ms on the clock that all threads of a process share. */
export type CeilingWord =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'began'; readonly at: number }
  | { readonly type: 'done'; readonly at: number };

/** What the process is started with, as JSON. */
export interface CeilingTask {
  readonly role: CeilingPart['role'];
  /** The guest's memory, which is read or sent; null: to receive, fresh memory. */
  readonly image: string | null;
  /** Bytes of all threads together. */
  readonly bytes: number;
  readonly threads: number;
  /** To send: one for each thread. */
  readonly ports: readonly number[];
}

/** What the process says. */
export type CeilingAnswer =
  | { readonly type: 'ready'; readonly ports: readonly number[] }
  | {
      readonly type: 'report';
      readonly ms: number;
      readonly cpu: number;
      readonly faults: number;
      readonly peakRss: number;
    };

/** Where a huge page begins. */
const ALIGNED = 2 * 2 ** 20;

/** `bytes` in `count` parts of about the same size, none of them empty if there is enough for all. */
export function split(bytes: number, count: number): { readonly offset: number; readonly length: number }[] {
  const size = Math.ceil(bytes / count / ALIGNED) * ALIGNED;
  return Array.from({ length: count }, (_, index) => {
    const offset = Math.min(index * size, bytes);
    return { offset, length: Math.min(size, bytes - offset) };
  }).filter(({ length }) => length > 0);
}
