import type { PageChecker } from '../zero/page-checker.js';
import { RangeGroup } from './range-group.js';
import type { ClaimedRange, ScannedRange } from './scanned-range.js';

/** Where a pipeline gets its work. */
export interface RangeSource {
  /** The next range, which is then this thread's alone; undefined if none is left for now. */
  claim(): ClaimedRange | undefined | Promise<ClaimedRange | undefined>;
  /** Ranges that this thread may claim in one go, so that other threads have something to do too; at least 1. */
  fairShare(): number;
}

/**
 * Takes ranges' dirty pages and tells zero pages from normal ones, in the order in which they were claimed: absent
 * ranges without a look, the rest through the accelerator. Without a checker (`zero-page-detection=none`) every page is
 * normal. An accelerator that takes several batches at a time has them: while one group of ranges is sent, the next ones
 * are being checked.
 */
export class CheckPipeline {
  readonly #source: RangeSource;
  /** Groups that are checked at a time. */
  readonly #depth: number;
  readonly #idle: RangeGroup[] = [];
  /** For an accelerator that takes one batch at a time: nothing is claimed ahead. */
  readonly #alone: RangeGroup | undefined;
  readonly #started: RangeGroup[] = [];
  /** Claimed, and in no group yet. */
  #held: ClaimedRange | undefined;
  #exhausted = false;
  /** The group whose ranges are being handed out, and the next of them. */
  #current: RangeGroup | undefined;
  #at = 0;

  constructor(pageSize: number, checker: PageChecker | undefined, source: RangeSource) {
    this.#source = source;
    this.#depth = checker?.inFlight ?? 1;
    const makeGroup = (): RangeGroup => new RangeGroup(pageSize, checker);
    if (this.#depth === 1) this.#alone = makeGroup();
    // One more than are in flight: the one that is being handed out.
    else this.#idle = Array.from({ length: this.#depth + 1 }, makeGroup);
  }

  /**
   * The next range, checked. It and its memory are the caller's until the next call.
   * @returns undefined if the source has none left; when it has again, there are more.
   * @throws MultifdError what the check or the source throws.
   */
  async next(): Promise<ScannedRange | undefined> {
    if (this.#alone !== undefined) {
      // Thousands of ranges a second without a page to look at: no turn of the event queue that is not needed.
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
    // While this one is handed out, as many as before are in flight.
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
