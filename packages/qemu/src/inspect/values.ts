import { subsectionHeaderSize } from '@multifd/core/wire';
import type { FieldDescription, StructDescription } from '../stream/description.js';

/**
 * A value of the device state: a number; a string for what a number cannot hold (`0x...` for unsigned numbers of
 * 64 bits, decimal for signed ones) and for bytes (hex without prefix); a truth value; a struct; an array.
 */
export type DeviceValue = number | string | boolean | DeviceStruct | readonly DeviceValue[];

/** Fields by name, then subsections by their vmsd_name under `subsections`. */
export interface DeviceStruct {
  readonly [field: string]: DeviceValue;
}

/**
 * Decodes a struct's bytes by its description (docs/wire.md, 7.2). `bytes` has exactly the description's size.
 * Fields of one name are an array, whether they are described at once or one by one.
 */
export function decodeStruct(bytes: Uint8Array, description: StructDescription): DeviceStruct {
  const members = new Map<string, DeviceValue>();
  // The arrays among them, which grow in place: a description may have a million fields of one name.
  const arrays = new Map<string, DeviceValue[]>();
  let at = 0;
  for (const field of description.fields) {
    // Elements without bytes say nothing, however many there are.
    const count = field.size === 0 ? Math.min(1, field.arrayLength ?? 1) : (field.arrayLength ?? 1);
    const values: DeviceValue[] = [];
    for (let element = 0; element < count; element++, at += field.size) {
      values.push(decodeField(bytes.subarray(at, at + field.size), field));
    }
    addField(members, arrays, field, values);
  }
  const subsections: [string, DeviceValue][] = [];
  for (const each of description.subsections) {
    at += subsectionHeaderSize(each.vmsdName);
    subsections.push([each.vmsdName ?? '', decodeStruct(bytes.subarray(at, at + each.size), each)]);
    at += each.size;
  }
  if (subsections.length > 0) members.set('subsections', toObject(subsections));
  return toObject(members);
}

function addField(
  members: Map<string, DeviceValue>,
  arrays: Map<string, DeviceValue[]>,
  { name, index, arrayLength, type }: FieldDescription,
  values: readonly DeviceValue[],
): void {
  const old = members.get(name);
  if (type === 'uint8' && arrayLength !== undefined && old === undefined && index === undefined) {
    members.set(name, Buffer.from(values.filter((value) => typeof value === 'number')).toString('hex'));
  } else if (index !== undefined || arrayLength !== undefined || old !== undefined) {
    const array = arrays.get(name) ?? (old === undefined ? [] : [old]);
    for (const value of values) array.push(value);
    arrays.set(name, array);
    members.set(name, array);
  } else {
    const [value] = values;
    if (value !== undefined) members.set(name, value);
  }
}

function decodeField(bytes: Uint8Array, { type, size, struct }: FieldDescription): DeviceValue {
  if (struct !== undefined) return decodeStruct(bytes, struct);
  // `int32 equal`, `uint8 le`: checks that the receiver makes, not another encoding.
  const [kind = ''] = type.split(' ');
  const number = /^(u?)int(8|16|32|64)$/.exec(kind);
  if (number !== null && Number(number[2]) === size * 8) return decodeInteger(bytes, number[1] === '');
  if (kind === 'bool' && size === 1) return bytes[0] !== 0;
  if (kind === 'timer' && size === 8) return decodeInteger(bytes, true);
  return Buffer.from(bytes).toString('hex');
}

function decodeInteger(bytes: Uint8Array, signed: boolean): number | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (bytes.length) {
    case 1:
      return signed ? view.getInt8(0) : view.getUint8(0);
    case 2:
      return signed ? view.getInt16(0) : view.getUint16(0);
    case 4:
      return signed ? view.getInt32(0) : view.getUint32(0);
    default: {
      const value = signed ? view.getBigInt64(0) : view.getBigUint64(0);
      const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
      if (exact) return Number(value);
      return signed ? `${value}` : `0x${value.toString(16)}`;
    }
  }
}

/** An object that may have any member name, `__proto__` included. */
function toObject(entries: Iterable<readonly [string, DeviceValue]>): DeviceStruct {
  return Object.fromEntries(entries);
}
