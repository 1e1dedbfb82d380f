/** Who can want a processor to stand still: the migration, an operator, or the command until it begins. */
export type Holder = 'migration' | 'operator' | 'start';

/** A guest's processor that several may hold: it runs while nobody does. What is asked for is done in turn. */
export class Processor {
  readonly #run: () => void;
  readonly #stop: () => Promise<void>;
  readonly #holders = new Set<Holder>(['start']);
  #runs = false;
  #last: Promise<void> = Promise.resolve();

  /** Stands still at first: `start` holds it. */
  constructor(run: () => void, stop: () => Promise<void>) {
    this.#run = run;
    this.#stop = stop;
  }

  get runs(): boolean {
    return this.#runs;
  }

  isHeldBy(holder: Holder): boolean {
    return this.#holders.has(holder);
  }

  /** Resolves when the processor stands still. Rejects with what stopping it throws. */
  hold(holder: Holder): Promise<void> {
    this.#holders.add(holder);
    return this.#follow();
  }

  /** Resolves when the processor runs, or still stands since somebody else holds it. */
  release(holder: Holder): Promise<void> {
    this.#holders.delete(holder);
    return this.#follow();
  }

  #follow(): Promise<void> {
    const next = this.#last.then(async () => {
      const wanted = this.#holders.size === 0;
      if (wanted === this.#runs) return;
      if (wanted) this.#run();
      else await this.#stop();
      this.#runs = wanted;
    });
    // A failure is told to whoever asked, and keeps nobody from asking again.
    this.#last = next.catch(() => {});
    return next;
  }
}
