import { MultifdError } from '../errors.js';
import type { MemoryBlockDescriptor, RamBlock } from './block.js';
import type { SharedWasmMemory } from './shared-wasm-memory.js';

/**
 * Bytes. Offsets in a segment fit V8's small integers, so that loops over its typed arrays stay fast; and one
 * allocation is small enough for a kernel that refuses to overcommit the whole guest in one piece.
 */
const SEGMENT_SIZE = 2 ** 30;

/** WebAssembly's page size in bytes. */
const WASM_PAGE_SIZE = 65536;

/** Allocates `length` bytes of guest memory, all zero. @throws MultifdError `io` if it cannot be reserved. */
export function allocateMemoryBlock(name: string, length: number): MemoryBlockDescriptor {
  const segments: SharedArrayBuffer[] = [];
  const wasmMemories: SharedWasmMemory[] = [];
  for (let offset = 0; offset < length; offset += SEGMENT_SIZE) {
    try {
      const { memory, buffer } = allocateSegment(Math.min(SEGMENT_SIZE, length - offset));
      segments.push(buffer);
      wasmMemories.push(memory);
    } catch (cause) {
      throw new MultifdError('io', `RAM block ${name}: cannot reserve ${length} bytes of memory`, {
        cause,
        hint: 'use a smaller guest, or a machine with more memory',
      });
    }
  }
  return { kind: 'memory', name, length, segmentSize: SEGMENT_SIZE, segments, wasmMemories };
}

/**
 * Allocates memory that starts on a host page. `new SharedArrayBuffer` does not: each guest page then straddles two
 * host pages, and a guest with scattered pages took half as much memory again (3073 MiB for 2049, measured). Shared
 * WebAssembly memory is aligned, and an accelerator in WebAssembly can check it in place.
 */
function allocateSegment(length: number): { memory: SharedWasmMemory; buffer: SharedArrayBuffer } {
  const pages = Math.ceil(length / WASM_PAGE_SIZE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const { buffer } = memory;
  if (buffer instanceof SharedArrayBuffer) return { memory, buffer };
  throw new MultifdError('internal', 'this runtime has no shared WebAssembly memory');
}

export function openMemoryBlock(descriptor: MemoryBlockDescriptor): RamBlock {
  return new MemoryBlock(descriptor);
}

class MemoryBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize: number;
  readonly inPlace = true;
  readonly backing = 'anonymous';
  readonly #segments: readonly Uint8Array[];
  readonly #wasmMemories: readonly SharedWasmMemory[];

  constructor(descriptor: MemoryBlockDescriptor) {
    this.name = descriptor.name;
    this.length = descriptor.length;
    this.windowSize = descriptor.segmentSize;
    this.#segments = descriptor.segments.map((segment) => new Uint8Array(segment));
    this.#wasmMemories = descriptor.wasmMemories ?? [];
  }

  read(offset: number, length: number): Uint8Array {
    return this.window(offset, length);
  }

  window(offset: number, length: number): Uint8Array {
    const index = Math.floor(offset / this.windowSize);
    const within = offset - index * this.windowSize;
    const segment = this.#segments[index];
    if (
      segment === undefined ||
      offset < 0 ||
      offset + length > this.length ||
      within + length > this.windowSize
    ) {
      throw new MultifdError('internal', `RAM block ${this.name}: no window of ${length} bytes at ${offset}`);
    }
    return segment.subarray(within, within + length);
  }

  wasmMemory(offset: number): SharedWasmMemory | undefined {
    return this.#wasmMemories[Math.floor(offset / this.windowSize)];
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const step = Math.min(bytes.length - done, this.windowSize - ((offset + done) % this.windowSize));
      this.window(offset + done, step).set(bytes.subarray(done, done + step));
      done += step;
    }
  }

  zero(offset: number, length: number): void {
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, this.windowSize - ((offset + done) % this.windowSize));
      this.window(offset + done, step).fill(0);
      done += step;
    }
  }

  /** JavaScript cannot ask the kernel which pages are populated: everything must be read. */
  absent(_offset: number, length: number): number {
    return -length;
  }

  close(): void {}
}
