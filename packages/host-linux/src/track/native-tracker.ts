import { type DirtyBitmap, type HostBlockDescriptor, MultifdError } from '@multifd/core/host';
import type { NativeTracker } from '../binding.js';
import { attempt } from '../native-error.js';
import type { ThreadWriters, TrackerKind, WriteTracker } from './tracker.js';

/** A tracker of the addon's, for bitmaps as core has them. */
export class LinuxTracker implements WriteTracker {
  readonly kind: TrackerKind;
  readonly blocks: readonly HostBlockDescriptor[];
  readonly #native: NativeTracker;
  readonly #pageSize: number;
  readonly #quiet: Pick<ThreadWriters, 'pause' | 'resume'>;

  /** @param quiet what must not run while it looks. */
  constructor(
    kind: TrackerKind,
    blocks: readonly HostBlockDescriptor[],
    native: NativeTracker,
    pageSize: number,
    quiet: Pick<ThreadWriters, 'pause' | 'resume'> = {},
  ) {
    const digests = native.digests();
    this.kind = kind;
    this.blocks = blocks.map((block, index) => {
      const number = digests[index];
      return number === undefined ? block : { ...block, handle: { ...block.handle, digests: number } };
    });
    this.#native = native;
    this.#pageSize = pageSize;
    this.#quiet = quiet;
  }

  sync(dirty: readonly DirtyBitmap[]): void {
    const fits = this.blocks.every(({ length }, index) => dirty[index]?.pages === length / this.#pageSize);
    if (!fits || dirty.length !== this.blocks.length) {
      throw new MultifdError(
        'usage',
        `one bitmap for each block is needed, of pages of ${this.#pageSize} bytes`,
      );
    }
    this.#quiet.pause?.();
    try {
      attempt(() =>
        this.#native.sync(
          dirty.map(({ words }) => words),
          dirty.map(({ pages }) => pages),
        ),
      );
    } finally {
      this.#quiet.resume?.();
    }
  }

  close(): void {
    this.#native.close();
  }
}
