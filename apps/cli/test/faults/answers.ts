import type { Hold } from './line.ts';

/** docs/wire.md, 2.5: u16 type, u16 length, data. */
const HEADER = 4;
const SHUT = 1;

/** The return path, message by message: it stops in front of the destination's answer, SHUT(0), or behind it. */
export class Answers {
  #rest = Buffer.alloc(0);
  #hold: Hold = 'nothing';
  #isAnswered = false;
  #isHeld = false;

  /** Something has come that is not to go on. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** @returns what may go on now of what was held. */
  limit(hold: Hold): Buffer {
    this.#hold = hold;
    return this.pass(Buffer.alloc(0));
  }

  /** @returns what may go on: whole messages. The rest is kept. */
  pass(bytes: Buffer): Buffer {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    this.#isHeld = false;
    let at = 0;
    while (this.#rest.length - at >= HEADER) {
      const size = HEADER + this.#rest.readUInt16BE(at + 2);
      if (this.#rest.length - at < size) break;
      const isAnswer = this.#isAnswerAt(at);
      this.#isHeld = isAnswer
        ? this.#hold === 'answer'
        : this.#isAnswered && this.#hold === 'behind the answer';
      if (this.#isHeld) break;
      if (isAnswer) this.#isAnswered = true;
      at += size;
    }
    const passed = this.#rest.subarray(0, at);
    this.#rest = this.#rest.subarray(at);
    return passed;
  }

  #isAnswerAt(at: number): boolean {
    return this.#rest.readUInt16BE(at) === SHUT && this.#rest.readUInt32BE(at + HEADER) === 0;
  }
}
