/**
 * The check in the JavaScript that gpu.js translates. As text: gpu.js reads a function's source, and a bundler must not
 * have been at it. gpu.js has numbers of 32-bit floating point only: words of memory are converted to them, which keeps
 * what is 0 and what is not, and a number of the answer holds 24 pages.
 */

/** Pages that one number of the answer holds: whole numbers are exact up to 2^24. */
export const PAGES_PER_NUMBER = 24;

/** For each page 1 if it is used, and behind the last one the batch's number. Constant: `words` of a page. */
export const LOOK = `function look(pages, count, number) {
  let used = 0;
  if (this.thread.x < count) {
    for (let i = 0; i < this.constants.words; i++) {
      if (pages[this.thread.x][i] !== 0) {
        used = 1;
        break;
      }
    }
  } else {
    used = number;
  }
  return used;
}`;

/** Packs what `look` has found, so that a bitmap is read back and not a word for each page. */
export const PACK = `function pack(used, count, numbers) {
  let bits = 0;
  if (this.thread.x < numbers) {
    let weight = 1;
    for (let i = 0; i < ${PAGES_PER_NUMBER}; i++) {
      const page = this.thread.x * ${PAGES_PER_NUMBER} + i;
      if (page < count) {
        bits += used[page] * weight;
      }
      weight = weight * 2;
    }
  } else {
    bits = used[count];
  }
  return bits;
}`;
