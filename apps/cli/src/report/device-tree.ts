import type { DeviceStruct, DeviceValue } from '@multifd/qemu';
import { plain } from './format.js';

/** Elements of an array that are shown. */
const MOST_ELEMENTS = 8;
/** Structs of an array that are shown: each takes several lines. */
const MOST_STRUCTS = 4;
/** Hex digits that are shown of bytes. */
const MOST_DIGITS = 64;

/** A device's fields, one a line, structs indented; long arrays and bytes are cut, and say how long they are. */
export function deviceTree(struct: DeviceStruct, indent: string): string[] {
  return Object.entries(struct).flatMap(([name, value]) => field(plain(name), value, indent));
}

function field(name: string, value: DeviceValue, indent: string): string[] {
  if (isStruct(value)) return [`${indent}${name}:`, ...deviceTree(value, `${indent}  `)];
  if (!isArray(value)) return [`${indent}${name}: ${scalar(value)}`];
  if (value.some((element) => typeof element === 'object')) return elements(name, value, indent);
  const shown = value.slice(0, MOST_ELEMENTS).map((element) => scalar(element));
  const more = value.length > MOST_ELEMENTS ? `, ... ${value.length} in all` : '';
  return [`${indent}${name}: [${shown.join(', ')}${more}]`];
}

function elements(name: string, values: readonly DeviceValue[], indent: string): string[] {
  const lines = values
    .slice(0, MOST_STRUCTS)
    .flatMap((value, index) => field(`${name}[${index}]`, value, indent));
  if (values.length > MOST_STRUCTS) lines.push(`${indent}${name}: ... ${values.length} in all`);
  return lines;
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
