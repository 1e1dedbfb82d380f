import type { PageChecker } from '../zero/page-checker.js';
import { RangeGroup } from './range-group.js';
import type { ClaimedRange, ScannedRange } from './scanned-range.js';

/** Supplies a pipeline with ranges. */
export interface RangeSource {
  /** Claims the next range for this thread alone; undefined if none is left for now. */
  claim(): ClaimedRange | undefined | Promise<ClaimedRange | undefined>;
  /** Number of ranges that this thread may claim in one go without starving the other threads; at least 1. */
  fairShare(): number;
}

/**
 * Takes the dirty pages of ranges and tells zero pages from normal ones, in claim order: absent pages are not read,
 * the accelerator checks the rest. Without a checker (`zero-page-detection=none`) every page is normal. An
 * accelerator that takes several batches at a time gets several: it checks the next groups of ranges while one is
 * sent.
 */
export class CheckPipeline {
  readonly #source: RangeSource;
  /** Number of groups in flight at a time. */
  readonly #depth: number;
  readonly #idle: RangeGroup[] = [];
  /** The only group, for an accelerator that takes one batch at a time: nothing is claimed ahead. */
  readonly #alone: RangeGroup | undefined;
  readonly #started: RangeGroup[] = [];
  /** A claimed range that is in no group yet. */
  #held: ClaimedRange | undefined;
  #exhausted = false;
  /** The group whose ranges are being handed out, and the index of the next one. */
  #current: RangeGroup | undefined;
  #at = 0;

  constructor(pageSize: number, checker: PageChecker | undefined, source: RangeSource) {
    this.#source = source;
    this.#depth = checker?.inFlight ?? 1;
    const makeGroup = (): RangeGroup => new RangeGroup(pageSize, checker);
    if (this.#depth === 1) this.#alone = makeGroup();
    // One more than are in flight, for the one that is being handed out.
    else this.#idle = Array.from({ length: this.#depth + 1 }, makeGroup);
  }

  /**
   * Returns the next range, checked. The caller owns it and its memory until the next call.
   * @returns undefined if the source has no range left; call again when it has.
   * @throws MultifdError what the check or the source throws.
   */
  async next(): Promise<ScannedRange | undefined> {
    if (this.#alone !== undefined) {
      // Thousands of ranges a second have no page to check: avoid needless microtask turns.
      const claiming = this.#source.claim();
      const claimed = claiming instanceof Promise ? await claiming : claiming;
      if (claimed === undefined) return undefined;
      this.#alone.clear();
      this.#alone.add(claimed);
      if (this.#alone.check()) await this.#alone.checked;
      return this.#alone.at(0);
    }
    const current = this.#current;
    if (current !== undefined && this.#at < current.size) return current.at(this.#at++);
    if (current !== undefined) this.#retire(current);
    await this.#fill();
    const first = this.#started.shift();
    if (first === undefined) {
      this.#exhausted = false;
      return undefined;
    }
    await first.checked;
    // Refill, so that as many groups stay in flight while this one is handed out.
    await this.#fill();
    this.#current = first;
    this.#at = 1;
    return first.at(0);
  }

  #retire(group: RangeGroup): void {
    group.clear();
    this.#idle.push(group);
    this.#current = undefined;
  }

  async #fill(): Promise<void> {
    while (this.#started.length < this.#depth) {
      const group = this.#idle.pop();
      if (group === undefined) return;
      await this.#gather(group);
      if (group.size === 0) {
        this.#idle.push(group);
        return;
      }
      group.check();
      this.#started.push(group);
    }
  }

  async #gather(group: RangeGroup): Promise<void> {
    const most = Math.max(1, this.#source.fairShare());
    while (group.size < most) {
      const claimed = this.#held ?? (await this.#claim());
      this.#held = undefined;
      if (claimed === undefined) return;
      if (!group.takes(claimed)) {
        this.#held = claimed;
        return;
      }
      group.add(claimed);
    }
  }

  async #claim(): Promise<ClaimedRange | undefined> {
    if (this.#exhausted) return undefined;
    const claimed = await this.#source.claim();
    this.#exhausted = claimed === undefined;
    return claimed;
  }
}
