/** Time limit for a source's connections: runs from when the source begins, not from a stranger long before it. */
export class SetupLimit {
  readonly #timeout: number;
  readonly #onLate: () => void;
  #timer: NodeJS.Timeout | undefined;
  #mayHaveLetGo = false;

  /** @param timeout ms. */
  constructor(timeout: number, onLate: () => void) {
    this.#timeout = timeout;
    this.#onLate = onLate;
  }

  /** A source has begun, and was not withdrawn. */
  get hasBegun(): boolean {
    return this.#timer !== undefined;
  }

  /** Whether that source lets go of its guest without waiting for an answer. */
  get mayHaveLetGo(): boolean {
    return this.#mayHaveLetGo;
  }

  /** A source begins. @returns whether the limit starts with it. */
  begin(mayHaveLetGo: boolean): boolean {
    this.#mayHaveLetGo = mayHaveLetGo;
    if (this.#timer !== undefined) return false;
    this.#timer = setTimeout(this.#onLate, this.#timeout);
    return true;
  }

  /** The source is gone, and the next one gets the whole time. */
  withdraw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** All connections are there, or the migration is over. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
