/** What a stream said last about a page. */
export type PageState = 'normal' | 'zero';

const BITS = { normal: 1, zero: 2 } as const;
/** 16 pages of 2 bits each are one number. */
const PAGES_PER_WORD = 16;
/** Words in one map: far fewer than a map can hold. */
const WORDS_PER_SHARD = 2 ** 20;

/**
 * The state of a block's pages, as memory in proportion to the pages that were mentioned: a block's length is
 * whatever the file says, and is not believed.
 */
export class PageStates {
  readonly #shards = new Map<number, Map<number, number>>();
  #normal = 0;
  #zero = 0;

  get normal(): number {
    return this.#normal;
  }

  get zero(): number {
    return this.#zero;
  }

  isNormal(page: number): boolean {
    const word = Math.floor(page / PAGES_PER_WORD);
    const bits = this.#shards.get(Math.floor(word / WORDS_PER_SHARD))?.get(word) ?? 0;
    return ((bits >>> ((page % PAGES_PER_WORD) * 2)) & 3) === BITS.normal;
  }

  set(page: number, state: PageState): void {
    const word = Math.floor(page / PAGES_PER_WORD);
    const shift = (page % PAGES_PER_WORD) * 2;
    const shard = this.#shard(Math.floor(word / WORDS_PER_SHARD));
    const old = shard.get(word) ?? 0;
    const before = (old >>> shift) & 3;
    if (before === BITS[state]) return;
    if (before === BITS.normal) this.#normal--;
    if (before === BITS.zero) this.#zero--;
    if (state === 'normal') this.#normal++;
    else this.#zero++;
    shard.set(word, (old & ~(3 << shift)) | (BITS[state] << shift));
  }

  #shard(index: number): Map<number, number> {
    const found = this.#shards.get(index);
    if (found !== undefined) return found;
    const shard = new Map<number, number>();
    this.#shards.set(index, shard);
    return shard;
  }
}
