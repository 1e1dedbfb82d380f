import { type HostBlockDescriptor, MultifdError } from '@multifd/core/host';
import type { NativeMemory, NativePlan } from './binding.js';
import { requireBinding } from './load.js';
import { attempt } from './native-error.js';

/** What to map, and its name and length. Lengths and offsets are bytes. */
export type MapOptions = MapCommon & (OwnMemory | FileMemory);

interface MapCommon {
  /** QEMU's block name, 1 to 255 bytes of UTF-8 without NUL: `pc.ram`. */
  readonly name: string;
  /** Used length, a multiple of the guest's page size. Only pages that are written take memory. */
  readonly length: number;
}

/**
 * Memory of this process, zero and untouched.
 * - `auto`: private memory in small pages, and in a huge one wherever three quarters of it or more are announced
 *   (`RamBlock.announce`) before it is touched, as a destination does.
 * - `anon`: the same in small pages. `thp`: the same in huge pages wherever the kernel can.
 * - `memfd`: another process can map it as a `file` with the path `/proc/PID/fd/DESCRIPTOR`. Pages as with `auto` where the
 *   kernel gives shared memory huge pages on request (`shmem_enabled`), else small ones.
 */
export interface OwnMemory {
  readonly kind: 'auto' | 'anon' | 'thp' | 'memfd';
}

/** A file or block device that is there and long enough. One in a tmpfs that is mounted with `huge=advise` is as a memfd. */
export interface FileMemory {
  readonly kind: 'file';
  /** Its path (`/proc/PID/fd/N`: an open file of another process), or an open descriptor, which may be closed then. */
  readonly file: string | number;
  /** Where in the file the block begins: a multiple of the machine's page size. Default 0. */
  readonly offset?: number;
  /** False: what is written stays in this process's memory, and the file remains as it is. Default true. */
  readonly shared?: boolean;
  /** False: nobody can write to it here. Default true. */
  readonly writable?: boolean;
}

/** Guest memory, mapped. Owned by the thread that mapped it, which closes it. */
export interface MappedRam {
  /** For `GuestRamDescriptor.blocks`. Good in every thread of this process until `close`. */
  readonly descriptor: HostBlockDescriptor;
  /** The number of a memfd in this process, where another process opens it as `/proc/PID/fd/N`. It stays the mapping's. */
  readonly memfd: number | undefined;
  /**
   * Bytes of memory or disk that are in use: of the whole file if it is a shared one; else private memory that was
   * written, in RAM and in swap.
   */
  allocatedBytes(): number;
  /** Bytes that are mapped in huge pages here; undefined where the kernel does not say (before Linux 6.7). */
  hugeBytes(): number | undefined;
  /** From now on nobody can open it. It is unmapped when the last block and the last view is gone. May be called twice. */
  close(): void;
}

/**
 * The module that blocks are opened by: this package's entry. (In its own tests, which run from the sources, the
 * built one.)
 */
const MODULE = new URL(import.meta.url.endsWith('.ts') ? '../dist/index.js' : './index.js', import.meta.url)
  .href;

/**
 * Maps guest memory into this process.
 * @throws MultifdError `io` if it cannot be mapped, or the package cannot be used here; `usage` for options that
 *   cannot be right.
 */
export function mapRam(options: MapOptions): MappedRam {
  const { name, length } = options;
  const binding = requireBinding();
  if (!Number.isSafeInteger(length) || length <= 0) {
    throw new MultifdError('usage', `RAM block ${name}: a length of ${length} bytes`);
  }
  const number = attempt(() => binding.mapMemory(plan(options)));
  const memory = attempt(() => new binding.Memory(number));
  return new Mapped(options, number, memory);
}

function plan(options: MapOptions): NativePlan {
  const { name, length, kind } = options;
  if (options.kind !== 'file') return { name, length, kind };
  const { file, offset = 0, shared = true, writable = true } = options;
  const source = typeof file === 'string' ? { path: file } : { descriptor: file };
  return { name, length, kind, ...source, offset, shared, writable };
}

class Mapped implements MappedRam {
  readonly descriptor: HostBlockDescriptor;
  readonly memfd: number | undefined;
  readonly #number: number;
  readonly #memory: NativeMemory;

  constructor({ name, length, kind }: MapOptions, number: number, memory: NativeMemory) {
    const handle = { mapping: number, backing: kind === 'file' || kind === 'memfd' ? kind : 'anonymous' };
    this.descriptor = { kind: 'host', name, length, module: MODULE, handle };
    this.memfd = kind === 'memfd' ? memory.descriptor() : undefined;
    this.#number = number;
    this.#memory = memory;
  }

  allocatedBytes(): number {
    return attempt(() => this.#memory.allocated());
  }

  hugeBytes(): number | undefined {
    const bytes = attempt(() => this.#memory.inHugePages());
    return bytes < 0 ? undefined : bytes;
  }

  close(): void {
    requireBinding().unmapMemory(this.#number);
    this.#memory.close();
  }
}
