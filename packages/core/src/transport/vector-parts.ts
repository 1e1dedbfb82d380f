/** Walks over vectors, and gives them in parts of any size, without copying. */
export class VectorParts {
  readonly #vectors: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(vectors: readonly Uint8Array[]) {
    this.#vectors = vectors;
  }

  /** The next `bytes` bytes, fewer at the end: views of the vectors, in order. */
  take(bytes: number): Uint8Array[] {
    const part: Uint8Array[] = [];
    for (let left = bytes; left > 0; ) {
      const vector = this.#vectors[this.#index];
      if (vector === undefined) break;
      const end = Math.min(vector.length, this.#offset + left);
      if (end > this.#offset) part.push(vector.subarray(this.#offset, end));
      left -= end - this.#offset;
      this.#offset = end;
      if (end < vector.length) break;
      this.#index++;
      this.#offset = 0;
    }
    return part;
  }
}
