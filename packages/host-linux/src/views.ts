import type { NativeMemory } from './binding.js';

/**
 * This thread's SharedArrayBuffers of guest memory, so that memory that is opened twice is one buffer: by mapping, and by
 * window. A mapping stays until all of its buffers were collected.
 */
const buffers = new Map<string, WeakRef<SharedArrayBuffer>>();
const collected = new FinalizationRegistry<string>((key) => {
  if (buffers.get(key)?.deref() === undefined) buffers.delete(key);
});

/** Bytes [offset, offset + length) of the mapping `number`. @throws as `NativeMemory.view`. */
export function viewOf(number: number, memory: NativeMemory, offset: number, length: number): Uint8Array {
  const key = `${number}:${offset}`;
  const known = buffers.get(key)?.deref();
  if (known !== undefined) return new Uint8Array(known);
  const buffer = memory.view(offset, length);
  buffers.set(key, new WeakRef(buffer));
  collected.register(buffer, key);
  return new Uint8Array(buffer);
}
