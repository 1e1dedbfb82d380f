import { WireError } from '@multifd/core';
import {
  DESCRIPTION_HEADER_SIZE,
  decodeName,
  descriptionSizeAt,
  FOOTER_SIZE,
  SECTION,
} from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';
import { findDescription, MAX_DESCRIPTION, parseDevices, type VmDescription } from './description.js';
import { endOfChain } from './device-chain.js';

/** Bytes that are searched at once. */
const WINDOW = 2 ** 20;
/** Most bytes of text that are looked at in all: places that look like a description may overlap, in a hostile file. */
const MOST_TEXT = 2 * MAX_DESCRIPTION;
/** Most ends that are tried: each costs another reading of the file. By chance there are one or two. */
const MOST_ENDS = 16;
const MARK = Buffer.of(SECTION.EOF, SECTION.VMDESCRIPTION);

/** Where a stream may end. QEMU stops reading at the end of sections: it looks at no description, and at nothing behind. */
export interface StreamEnd {
  /** Offset of the 00 of the end of sections. */
  readonly start: number;
  /** Offset behind the stream: of the file's end, or of bytes that do not belong to it. */
  readonly end: number;
  /** Undefined if there is none, or none that can be read. */
  readonly description: { readonly text: string; readonly value: VmDescription } | undefined;
  /** There is a description, which says nothing that can be read. */
  readonly unreadable: boolean;
}

/** The end as QEMU writes it: that of the file. */
export function endOfFile(source: ByteSource): StreamEnd {
  const end = source.size;
  const found = findDescription(source);
  if (found === undefined) return { start: end - 1, end, description: undefined, unreadable: false };
  const { start, text } = found;
  const value = parse(text);
  const description = value === undefined ? undefined : { text, value };
  return { start, end, description, unreadable: description === undefined && text !== '' };
}

/**
 * Other ends, from the first device, or the end of sections, on: descriptions with bytes behind them, and one up to the end of
 * the file that is no text. Some bytes of RAM or of a device may look so: the reader tells whether it fits.
 */
export function* otherEnds(source: ByteSource, from: number): Generator<StreamEnd> {
  let looked = 0;
  let given = 0;
  for (const start of marks(source, from)) {
    const header = new Uint8Array(FOOTER_SIZE + DESCRIPTION_HEADER_SIZE);
    if (start < FOOTER_SIZE || start + DESCRIPTION_HEADER_SIZE > source.size) continue;
    source.read(start - FOOTER_SIZE, header);
    const size = descriptionSizeAt(header, FOOTER_SIZE);
    if (size === undefined) continue;
    const end = start + DESCRIPTION_HEADER_SIZE + size;
    if (header[0] !== SECTION.FOOTER || size > MAX_DESCRIPTION || end > source.size) continue;
    looked += size;
    if (looked > MOST_TEXT || given === MOST_ENDS) return;
    const bytes = new Uint8Array(size);
    source.read(end - size, bytes);
    const text = decodeName(bytes);
    const value = text === undefined ? undefined : parse(text);
    if (value === undefined && end !== source.size) continue;
    given++;
    if (text !== undefined && value !== undefined)
      yield { start, end, description: { text, value }, unreadable: false };
    else yield { start, end, description: undefined, unreadable: size > 0 };
  }
}

/**
 * The end where the chain of sections leads from the first device on, whatever stands behind it: a description that is cut, none
 * that can be read, or none at all. QEMU loads all of these.
 * @returns undefined if the sections do not end.
 */
export function endByChain(source: ByteSource, from: number): StreamEnd | undefined {
  const start = endOfChain(source, from);
  if (start === undefined) return undefined;
  const header = new Uint8Array(Math.min(DESCRIPTION_HEADER_SIZE, source.size - start));
  source.read(start, header);
  const size = descriptionSizeAt(header, 0);
  const end = start + DESCRIPTION_HEADER_SIZE + (size ?? 0);
  // Cut, it says nothing, and whoever reads it would wait for its rest.
  if (size === undefined || end > source.size)
    return { start, end: start + 1, description: undefined, unreadable: false };
  const bytes = new Uint8Array(Math.min(size, MAX_DESCRIPTION));
  source.read(start + DESCRIPTION_HEADER_SIZE, bytes);
  const text = size > MAX_DESCRIPTION ? undefined : decodeName(bytes);
  const value = text === undefined ? undefined : parse(text);
  if (text === undefined || value === undefined)
    return { start, end, description: undefined, unreadable: size > 0 };
  return { start, end, description: { text, value }, unreadable: false };
}

/** Where `00 06` stands, from `from` on. */
function* marks(source: ByteSource, from: number): Generator<number> {
  const window = Buffer.alloc(WINDOW);
  for (let start = from; start < source.size; start += WINDOW - 1) {
    const bytes = window.subarray(0, Math.min(WINDOW, source.size - start));
    source.read(start, bytes);
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) yield start + at;
  }
}

/** Undefined if it is not JSON of that shape. */
function parse(text: string): VmDescription | undefined {
  try {
    return parseDevices(text);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
