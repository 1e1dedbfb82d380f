import { WireError } from '../errors.js';
import { readU32 } from './bytes.js';
import { DESCRIPTION_HEADER_SIZE, MAX_NAME_SIZE, SECTION } from './layout.js';
import { encodeUtf8, quote } from './text.js';

/** Deeper than any device's subsections, yet safe for recursion. */
const MAX_DEPTH = 64;
/** Type, length of the name, version. */
const SUBSECTION_HEADER_SIZE = 6;

/** A stream's description of its devices (docs/wire.md, 7.2): what is validated before any device is parsed. */
export interface StreamDescription {
  /** Target page size in bytes; undefined if the description does not state it. */
  readonly pageSize: number | undefined;
  /** In stream order. */
  readonly devices: readonly unknown[];
}

/**
 * Size in bytes of the description's text, if the end of sections and a description header are at `at`. Other bytes
 * can look the same.
 */
export function descriptionSizeAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] !== SECTION.EOF || bytes[at + 1] !== SECTION.VMDESCRIPTION) return undefined;
  return at + DESCRIPTION_HEADER_SIZE > bytes.length ? undefined : readU32(bytes, at + 2);
}

/** @throws WireError `protocol` if it is not JSON with a list of devices. */
export function parseDescription(vmdesc: string): StreamDescription {
  let value: unknown;
  try {
    value = JSON.parse(vmdesc);
  } catch {
    throw fault('JSON', quote(vmdesc));
  }
  if (!isObject(value) || !Array.isArray(value.devices)) throw fault('an object with devices', quote(vmdesc));
  return { pageSize: isCount(value.page_size) ? value.page_size : undefined, devices: value.devices };
}

/**
 * Size in bytes of a device, a nested struct, or a subsection without its header: the sum of its fields, which
 * include nested structs, and its subsections; for a device in the old style, its size.
 * @param sizeOf size in bytes of one of its subsections, called in their order: for callers that inspect each.
 * @throws WireError `protocol` if the description does not give the size.
 */
export function describedSize(
  description: Readonly<Record<string, unknown>>,
  sizeOf: (subsection: Readonly<Record<string, unknown>>) => number = (subsection) =>
    sizeWithin(subsection, 1),
): number {
  const { fields, subsections = [], size } = description;
  if (fields === undefined && size !== undefined) return toCount(size);
  if (!Array.isArray(fields) || !Array.isArray(subsections)) {
    throw fault('lists of fields and subsections', 'something else');
  }
  let total = 0;
  for (const field of fields) {
    if (!isObject(field)) throw fault('a field', 'something else');
    total += toCount(field.size) * (field.array_len === undefined ? 1 : toCount(field.array_len));
  }
  for (const subsection of subsections) {
    if (!isObject(subsection)) throw fault('a subsection with vmsd_name', 'something else');
    total += subsectionHeaderSize(subsection.vmsd_name) + sizeOf(subsection);
  }
  if (!Number.isSafeInteger(total)) throw fault('a size below 2^53', `about ${total}`);
  return total;
}

/** Size in bytes of a subsection's header: type, pstr name, version. @throws WireError `protocol` without a name. */
export function subsectionHeaderSize(vmsdName: unknown): number {
  if (typeof vmsdName !== 'string') throw fault('a subsection with vmsd_name', 'something else');
  const length = encodeUtf8(vmsdName).length;
  if (length < 1 || length > MAX_NAME_SIZE) throw fault(`a name of 1 to ${MAX_NAME_SIZE} bytes`, `${length}`);
  return SUBSECTION_HEADER_SIZE + length;
}

function sizeWithin(subsection: Readonly<Record<string, unknown>>, depth: number): number {
  if (depth > MAX_DEPTH) throw fault(`at most ${MAX_DEPTH} levels of subsections`, 'more');
  return describedSize(subsection, (inner) => sizeWithin(inner, depth + 1));
}

function toCount(value: unknown): number {
  if (isCount(value)) return value;
  throw fault('a size', typeof value === 'number' ? `${value}` : typeof value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(expected: string, got: string): WireError {
  return new WireError({ where: 'device state', field: 'vm description', offset: 0, expected, got });
}
