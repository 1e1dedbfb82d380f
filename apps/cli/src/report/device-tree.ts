import type { DeviceStruct, DeviceValue } from '@multifd/qemu';
import { plain } from './format.js';

/** Elements of an array that are shown. */
const MOST_ELEMENTS = 8;
/** Hex digits that are shown of bytes. */
const MOST_DIGITS = 64;
/** Characters of a struct that is shown in one line. */
const LONGEST_INLINE = 80;

/**
 * A device's fields, one a line. Small structs are one line too, others are indented; long arrays and bytes are cut,
 * and say how long they are.
 */
export function deviceTree(struct: DeviceStruct, indent: string): string[] {
  return Object.entries(struct).flatMap(([name, value]) => field(plain(name), value, indent));
}

function field(name: string, value: DeviceValue, indent: string): string[] {
  const short = inline(value);
  if (short !== undefined) return [`${indent}${name}: ${short}`];
  if (isStruct(value)) return [`${indent}${name}:`, ...deviceTree(value, `${indent}  `)];
  if (!isArray(value)) return [];
  const shown = value.slice(0, MOST_ELEMENTS);
  const lines = shown.flatMap((element, index) => field(`${name}[${index}]`, element, indent));
  if (value.length > shown.length) lines.push(`${indent}${name}: ... ${value.length} in all`);
  return lines;
}

/** In one line; undefined for what takes several. */
function inline(value: DeviceValue): string | undefined {
  if (typeof value !== 'object') return scalar(value);
  if (isArray(value)) return value.some((element) => typeof element === 'object') ? undefined : list(value);
  const fields: string[] = [];
  let length = 0;
  for (const [name, member] of Object.entries(value)) {
    const text = inline(member);
    if (text === undefined) return undefined;
    fields.push(`${plain(name)}: ${text}`);
    length += (fields.at(-1)?.length ?? 0) + 2;
    if (length > LONGEST_INLINE) return undefined;
  }
  return `{${fields.join(', ')}}`;
}

function list(values: readonly DeviceValue[]): string {
  const shown = values.slice(0, MOST_ELEMENTS).map(scalar).join(', ');
  return `[${shown}${values.length > MOST_ELEMENTS ? `, ... ${values.length} in all` : ''}]`;
}

function scalar(value: DeviceValue): string {
  if (typeof value !== 'string') return String(value);
  if (value.length <= MOST_DIGITS) return value;
  return `${value.slice(0, MOST_DIGITS)}... (${value.length / 2} bytes)`;
}

function isArray(value: DeviceValue): value is readonly DeviceValue[] {
  return Array.isArray(value);
}

function isStruct(value: DeviceValue): value is DeviceStruct {
  return typeof value === 'object' && !isArray(value);
}
