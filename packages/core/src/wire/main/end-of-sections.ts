import { concat, readU32 } from '../bytes.js';
import { descriptionSizeAt } from '../description.js';
import { DESCRIPTION_HEADER_SIZE, FOOTER_SIZE, SECTION } from '../layout.js';
import { encodeVmDescription } from './encode.js';

/** Most places that are looked at as the end of sections. By chance there are one or two. */
const MOST_PLACES = 64;

/** Position of the 00: after a footer or at the very start, followed by nothing or by a complete description. */
export function endOfSections(bytes: Uint8Array): number | undefined {
  const last = bytes.length - 1;
  const places = bytes[last] === SECTION.EOF ? [last] : [];
  // QEMU ignores the text, so it may have NULs, and then several places look like its header.
  for (let at = bytes.indexOf(SECTION.EOF); at >= 0; at = bytes.indexOf(SECTION.EOF, at + 1)) {
    const size = descriptionSizeAt(bytes, at);
    if (size === undefined || at + DESCRIPTION_HEADER_SIZE + size !== bytes.length) continue;
    places.push(at);
    if (places.length === MOST_PLACES) break;
  }
  return firstEnd(bytes, places);
}

/**
 * The end of another source's stream, with a description if it has none: a QEMU waits for one, whatever it says, and tells nobody
 * that it has the guest meanwhile (docs/wire.md, 7.4). One whose machine has suppress-vmdesc does not read it.
 */
export function withSomeDescription(bytes: Uint8Array): Uint8Array {
  // At once for nearly every stream, while its guest stands still: JSON ends with a brace.
  if (bytes.at(-1) !== SECTION.EOF) return bytes;
  return endOfSections(bytes) === bytes.length - 1 ? concat(bytes, encodeVmDescription('')) : bytes;
}

/**
 * The first of these places, each a 00, where the end of sections can be: at the very start, or after the footer of a
 * section that began at the start or after another footer. Truncated device state hardly ever looks like that. All bytes
 * may come from a hostile source: it goes over them once, however many places there are.
 */
function firstEnd(bytes: Uint8Array, places: readonly number[]): number | undefined {
  const wanted = new Set(places.map((at) => footerBefore(bytes, at)));
  /** Where the first section with each id begins. */
  const begun = new Map<number, number>();
  for (let start = bytes.indexOf(SECTION.FULL); start >= 0; start = bytes.indexOf(SECTION.FULL, start + 1)) {
    if (start + FOOTER_SIZE > bytes.length) break;
    if (start !== 0 && bytes[start - FOOTER_SIZE] !== SECTION.FOOTER) continue;
    const id = readU32(bytes, start + 1);
    if (wanted.has(id) && !begun.has(id)) begun.set(id, start);
  }
  return places.find((at) => {
    if (at === 0) return true;
    const start = begun.get(footerBefore(bytes, at) ?? -1);
    return start !== undefined && start + FOOTER_SIZE <= at;
  });
}

/** The section's id in the footer that ends at `at`. */
function footerBefore(bytes: Uint8Array, at: number): number | undefined {
  if (at < FOOTER_SIZE || bytes[at - FOOTER_SIZE] !== SECTION.FOOTER) return undefined;
  return readU32(bytes, at - FOOTER_SIZE + 1);
}
