import { WireError } from '@multifd/core';
import {
  DESCRIPTION_HEADER_SIZE,
  decodeName,
  describedSize,
  descriptionSizeAt,
  parseDescription,
} from '@multifd/core/wire';
import { isCount, isObject } from '../json.js';
import type { ByteSource } from './byte-source.js';

/** Deeper than any device's structs and subsections, and safe to recurse into. */
const MAX_DEPTH = 64;
/** Longest description that is read, in bytes. QEMU's have 20 to 100 KiB; parsed, one can take 50 times its size. */
export const MAX_DESCRIPTION = 16 * 2 ** 20;

/** The stream's own description of its devices (docs/wire.md, 7.2): JSON, checked. */
export interface VmDescription {
  /** Bytes of a target page; undefined if the description does not say. */
  readonly pageSize: number | undefined;
  /** In stream order. */
  readonly devices: readonly DeviceDescription[];
}

export interface DeviceDescription extends StructDescription {
  readonly name: string;
  readonly instanceId: number;
}

/** A device, a nested struct or a subsection: what its bytes are, in order. */
export interface StructDescription {
  readonly vmsdName: string | undefined;
  readonly fields: readonly FieldDescription[];
  readonly subsections: readonly StructDescription[];
  /** Bytes, without the header that a subsection has. */
  readonly size: number;
}

export interface FieldDescription {
  readonly name: string;
  readonly type: string;
  /** Bytes of one element. */
  readonly size: number;
  /** Number of elements, if it is an array written as one field. */
  readonly arrayLength: number | undefined;
  /** Its place in an array whose elements are described one by one. */
  readonly index: number | undefined;
  readonly struct: StructDescription | undefined;
}

/** Where the end of sections stands, and the description behind it. */
export interface FoundDescription {
  /** Offset of the 00 of the end of sections. */
  readonly start: number;
  readonly text: string;
}

/**
 * Finds the description at the end of a stream: `00 06 length JSON`, where JSON has no NUL, so that its header is
 * at the last NUL of the file.
 * @returns undefined if the file does not end so.
 */
export function findDescription(source: ByteSource): FoundDescription | undefined {
  for (let size = 2 ** 18; ; size *= 8) {
    const start = Math.max(0, source.size - size);
    const tail = new Uint8Array(source.size - start);
    source.read(start, tail);
    const last = tail.lastIndexOf(0);
    const found = last < 0 ? undefined : headerNear(tail, last);
    if (found !== undefined) return { start: start + found.at, text: found.text };
    // Without a NUL in sight the description may be longer than what was read.
    if (start === 0 || size > MAX_DESCRIPTION || last >= DESCRIPTION_HEADER_SIZE) return undefined;
  }
}

function headerNear(tail: Uint8Array, last: number): { at: number; text: string } | undefined {
  for (let at = last; at >= 0 && at > last - DESCRIPTION_HEADER_SIZE; at--) {
    const from = at + DESCRIPTION_HEADER_SIZE;
    const length = descriptionSizeAt(tail, at);
    if (length === undefined || from + length !== tail.length || length > MAX_DESCRIPTION) continue;
    const text = length === 0 ? '' : decodeName(tail.subarray(from));
    if (text !== undefined) return { at, text };
  }
  return undefined;
}

/** @throws WireError `protocol` if it is not JSON of that shape. */
export function parseDevices(text: string): VmDescription {
  const { pageSize, devices } = parseDescription(text);
  return { pageSize, devices: devices.map((device) => parseDevice(device)) };
}

function parseDevice(device: unknown): DeviceDescription {
  if (!isObject(device) || typeof device.name !== 'string' || !isCount(device.instance_id)) {
    throw fault('vm description', 'a device with name and instance_id', excerpt(device));
  }
  const { name, instance_id: instanceId } = device;
  return { name, instanceId, ...parseStruct(device, 0) };
}

/** Core says how many bytes they are; this adds what they are. */
function parseStruct(value: unknown, depth: number): StructDescription {
  if (depth > MAX_DEPTH) throw fault('vm description', `at most ${MAX_DEPTH} levels`, 'more');
  if (!isObject(value)) throw fault('vm description', 'a struct', excerpt(value));
  const subsections: StructDescription[] = [];
  const size = describedSize(value, (subsection) => {
    const parsed = parseStruct(subsection, depth + 1);
    subsections.push(parsed);
    return parsed.size;
  });
  const { vmsd_name: vmsdName, fields } = value;
  return {
    vmsdName: typeof vmsdName === 'string' ? vmsdName : undefined,
    fields: Array.isArray(fields) ? fields.map((field: unknown) => parseField(field, depth)) : [opaque(size)],
    subsections,
    size,
  };
}

function parseField(value: unknown, depth: number): FieldDescription {
  if (!isObject(value) || typeof value.name !== 'string') {
    throw fault('vm description', 'a field with a name', excerpt(value));
  }
  const { name, type, size, array_len: arrayLength, index, struct } = value;
  const inside = struct ?? (Array.isArray(value.fields) ? value : undefined);
  if (!isCount(size) || !isOptionalCount(arrayLength) || !isOptionalCount(index)) {
    throw fault(`vm description, field ${name}`, 'sizes', excerpt(value));
  }
  const parsed = inside === undefined ? undefined : parseStruct(inside, depth + 1);
  return {
    name,
    type: typeof type === 'string' ? type : 'unknown',
    size,
    arrayLength,
    index,
    // A struct that does not fill its field is not what the field holds.
    struct: parsed?.size === size ? parsed : undefined,
  };
}

/** A device in the old style: nothing is known but its size. */
function opaque(size: number): FieldDescription {
  return { name: 'data', type: 'buffer', size, arrayLength: undefined, index: undefined, struct: undefined };
}

function isOptionalCount(value: unknown): value is number | undefined {
  return value === undefined || isCount(value);
}

/** For messages. Not the whole value: it may be nested more deeply than it could be written. */
function excerpt(value: unknown): string {
  if (isObject(value)) return `an object with ${JSON.stringify(Object.keys(value).slice(0, 8)).slice(0, 80)}`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `${value}`;
}

function fault(field: string, expected: string, got: string): WireError {
  return new WireError({ where: 'device state', field, offset: 0, expected, got });
}
