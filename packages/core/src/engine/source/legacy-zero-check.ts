import { MultifdError } from '../../errors.js';
import type { RamBlock } from '../../ram/block.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { openRamBlock } from '../../ram/guest-ram.js';
import { RANGE_SIZE, RangeTable } from '../../ram/ranges.js';
import { loadAccelerator } from '../../zero/load.js';
import { PageChecker } from '../../zero/page-checker.js';
import { PAGE_ZERO, RangeScanner, type ScannedRange } from '../../zero/range-scanner.js';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, ACTIVITY_OPENING, type CounterRow } from '../counters.js';
import type { SourceControl } from './control.js';
import type { MainStream } from './main-stream.js';
import type { SourceThreadData } from './messages.js';

/**
 * `zero-page-detection=legacy`: the migration thread checks. Zero pages go over main; the others are marked in
 * the channels' own bitmap, range by range, so that channels send while this thread checks on. The second bitmap
 * (1 bit a page) keeps a page that the guest dirties meanwhile out of this epoch: a page must not be on main and
 * on a channel in the same one.
 */
export class LegacyZeroCheck {
  readonly #data: SourceThreadData;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  readonly #dirty: readonly DirtyBitmap[];
  readonly #work: readonly DirtyBitmap[];
  readonly #blocks: readonly RamBlock[];
  readonly #checker: PageChecker;
  readonly #scanner: RangeScanner;
  readonly #scratch: Uint8Array;
  readonly #zero: Float64Array;

  private constructor(
    data: SourceThreadData,
    control: SourceControl,
    counters: CounterRow,
    dirty: readonly DirtyBitmap[],
    blocks: readonly RamBlock[],
    checker: PageChecker,
  ) {
    this.#data = data;
    this.#control = control;
    this.#counters = counters;
    this.#dirty = dirty;
    this.#work = data.work.map((bitmap, index) => new DirtyBitmap(bitmap, dirty[index]?.pages ?? 0));
    this.#blocks = blocks;
    this.#checker = checker;
    this.#scanner = new RangeScanner(data.ram.pageSize, checker);
    this.#scratch = new Uint8Array(this.#blocks.every((block) => block.inPlace) ? 0 : RANGE_SIZE);
    this.#zero = new Float64Array(RANGE_SIZE / data.ram.pageSize);
  }

  static async open(
    data: SourceThreadData,
    control: SourceControl,
    counters: CounterRow,
    dirty: readonly DirtyBitmap[],
  ): Promise<LegacyZeroCheck> {
    if (data.accelerator === undefined) {
      throw new MultifdError('internal', 'legacy zero-page detection without an accelerator');
    }
    const blocks = await Promise.all(data.ram.blocks.map(openRamBlock));
    counters.beat(ACTIVITY_OPENING);
    const accelerator = await loadAccelerator(data.accelerator);
    const checker = await PageChecker.open(accelerator, data.ram.pageSize, data.parameters.stallTimeout, () =>
      counters.beat(ACTIVITY_CHECKING),
    );
    counters.beat(ACTIVITY_IDLE);
    return new LegacyZeroCheck(data, control, counters, dirty, blocks, checker);
  }

  /** Checks all RAM once and makes its ranges ready for the channels, one after the other. */
  async checkRound(stream: MainStream): Promise<void> {
    const table = new RangeTable(this.#data.ram.blocks);
    for (let index = 0; index < table.count; index++) {
      this.#control.throwIfAborted();
      const range = table.at(index);
      const block = this.#blocks[range.block];
      const dirty = this.#dirty[range.block];
      const work = this.#work[range.block];
      if (block === undefined || dirty === undefined || work === undefined) continue;
      this.#counters.beat(ACTIVITY_CHECKING);
      const scanned = await this.#scanner.scan(range, block, dirty, this.#scratch);
      this.#counters.beat(ACTIVITY_IDLE);
      const zero = this.#partition(scanned, work);
      if (zero > 0) await stream.zeroPages(block.name, this.#zero, zero);
      this.#counters.addPages(0, zero);
      this.#control.raiseReady(index + 1);
    }
  }

  async close(): Promise<void> {
    for (const block of this.#blocks) block.close();
    try {
      await this.#checker.close();
    } catch {
      // The migration's outcome is decided; an accelerator that cannot close has nothing to add.
    }
  }

  /** Gathers the zero pages in `#zero`, marks the others for the channels. Gives the number of zero pages. */
  #partition({ count, offsets, answers }: ScannedRange, work: DirtyBitmap): number {
    let zero = 0;
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] ?? 0;
      if (answers[index] === PAGE_ZERO) this.#zero[zero++] = offset;
      else work.mark(offset / this.#data.ram.pageSize);
    }
    return zero;
  }
}
