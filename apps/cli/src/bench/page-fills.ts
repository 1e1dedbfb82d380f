import { writeRandom } from '../guest/page-content.js';

export { type PageFill, type Random, random, textPage } from './text-page.js';

/** Does not compress. */
export function randomPage(page: Int32Array, number: number): void {
  writeRandom(page, 0, page.length, number + 1);
}
