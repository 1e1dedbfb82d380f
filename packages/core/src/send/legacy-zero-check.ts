import { MultifdError } from '../errors.js';
import { DirtyBitmap } from '../ram/dirty-bitmap.js';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import { RANGE_SIZE, RangeTable } from '../ram/ranges.js';
import { openToSend, type SendingBlock } from '../ram/sending-block.js';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, ACTIVITY_OPENING, type CounterRow } from '../thread/counters.js';
import { attachedBlocks } from '../zero/attached-blocks.js';
import type { CheckPlan } from '../zero/open-checker.js';
import { openChecker } from '../zero/open-checker.js';
import type { AcceleratorReplacement, PageChecker } from '../zero/page-checker.js';
import { CheckPipeline } from './check-pipeline.js';
import type { SourceControl } from './control.js';
import type { MainStream } from './main-stream.js';
import type { SendLink } from './messages.js';
import { type ClaimedRange, PAGE_ZERO, type ScannedRange } from './scanned-range.js';

/** What the migration thread needs to check pages itself. All buffers are shared. */
export interface LegacyCheckData extends SendLink {
  readonly ram: GuestRamDescriptor;
  /** Bitmaps that channel threads claim from, one for each block. */
  readonly work: readonly SharedArrayBuffer[];
  /** Undefined: this thread checks nothing. */
  readonly check: CheckPlan | undefined;
}

/**
 * `zero-page-detection=legacy`: the migration thread checks. It sends zero pages over main and marks the others in
 * the channels' own bitmap, range by range, so that channels send while it checks on. The second bitmap (1 bit a
 * page) keeps a page that the guest dirties meanwhile out of this epoch: one epoch must not carry a page both on main
 * and on a channel.
 */
export class LegacyZeroCheck {
  readonly #data: LegacyCheckData;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  readonly #dirty: readonly DirtyBitmap[];
  readonly #work: readonly DirtyBitmap[];
  readonly #blocks: readonly SendingBlock[];
  readonly #checker: PageChecker;
  readonly #zero: Float64Array;

  private constructor(
    data: LegacyCheckData,
    control: SourceControl,
    counters: CounterRow,
    dirty: readonly DirtyBitmap[],
    blocks: readonly SendingBlock[],
    checker: PageChecker,
  ) {
    this.#data = data;
    this.#control = control;
    this.#counters = counters;
    this.#dirty = dirty;
    this.#work = data.work.map((bitmap, index) => new DirtyBitmap(bitmap, dirty[index]?.pages ?? 0));
    this.#blocks = blocks;
    this.#checker = checker;
    this.#zero = new Float64Array(RANGE_SIZE / data.ram.pageSize);
  }

  static async open(
    data: LegacyCheckData,
    control: SourceControl,
    counters: CounterRow,
    dirty: readonly DirtyBitmap[],
    onReplaced: (replacement: AcceleratorReplacement) => void,
  ): Promise<LegacyZeroCheck> {
    if (data.check === undefined) {
      throw new MultifdError('internal', 'legacy zero-page detection without an accelerator');
    }
    const blocks = await Promise.all(data.ram.blocks.map(openToSend));
    counters.heartbeat(ACTIVITY_OPENING);
    const checker = await openChecker(data.check, data.ram.pageSize, data.parameters.stallTimeout, {
      blocks: attachedBlocks(data.ram.blocks, blocks),
      heartbeat: () => counters.heartbeat(ACTIVITY_CHECKING),
      onReplaced,
    });
    counters.heartbeat(ACTIVITY_IDLE);
    return new LegacyZeroCheck(data, control, counters, dirty, blocks, checker);
  }

  /** Checks all RAM once, and releases its ranges to the channels one by one. */
  async checkRound(stream: MainStream): Promise<void> {
    const table = new RangeTable(this.#data.ram.blocks);
    let next = 0;
    const pipeline = new CheckPipeline(this.#data.ram.pageSize, this.#checker, {
      claim: () => (next < table.count ? this.#claim(table, next++) : undefined),
      fairShare: () => table.count,
    });
    for (;;) {
      this.#control.throwIfAborted();
      this.#counters.heartbeat(ACTIVITY_CHECKING);
      const scanned = await pipeline.next();
      this.#counters.heartbeat(ACTIVITY_IDLE);
      if (scanned === undefined) {
        this.#counters.offloaded(this.#checker.counters());
        return;
      }
      const { sending, range, index } = scanned.claimed;
      const work = this.#work[range.block];
      if (work === undefined) throw noBlock(range.block);
      const zero = this.#partition(scanned, work);
      if (zero > 0) await stream.zeroPages(sending.block.name, this.#zero, zero);
      this.#counters.addPages(0, zero);
      this.#control.raiseReady(index + 1);
    }
  }

  #claim(table: RangeTable, index: number): ClaimedRange {
    const range = table.at(index);
    const sending = this.#blocks[range.block];
    const dirty = this.#dirty[range.block];
    if (sending === undefined || dirty === undefined) throw noBlock(range.block);
    return { index, range, sending, dirty };
  }

  async close(): Promise<void> {
    try {
      this.#counters.offloaded(this.#checker.counters());
      await this.#checker.close();
    } catch {
      // The migration's outcome is decided: a failing close of an accelerator does not change it.
    }
    // Last: until the accelerator is closed, it may still read the blocks.
    for (const block of this.#blocks) block.close();
  }

  /** Gathers the zero pages in `#zero` and marks the others for the channels. Returns the number of zero pages. */
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

function noBlock(index: number): MultifdError {
  return new MultifdError('internal', `legacy zero-page detection: no block ${index}`);
}
