import { WireError } from '../errors.js';
import { concat, hex, readU32, u8, u32 } from './bytes.js';
import { describedSize, descriptionSizeAt, isObject, parseDescription } from './description.js';
import { DESCRIPTION_HEADER_SIZE, FOOTER_SIZE, SECTION } from './layout.js';
import type { DeviceSection } from './main/records.js';
import { decodeName, encodePstr, encodeUtf8, quote } from './text.js';

/**
 * Makes the JSON text that QEMU puts at the end of a stream (docs/wire.md, 7.2), with each device in the old style:
 * its size and one buffer field. `pageSize` in bytes. `machineType` goes into the configuration, which is empty
 * without it.
 */
export function describeDevices(
  sections: readonly DeviceSection[],
  pageSize: number,
  machineType?: string,
): string {
  const devices = sections.map(({ idstr, instanceId, body }) => ({
    name: idstr,
    instance_id: instanceId,
    size: body.length,
    fields: [{ name: 'data', type: 'buffer', size: body.length }],
  }));
  const configuration = machineType === undefined ? {} : describeConfiguration(machineType);
  return JSON.stringify({ configuration, page_size: pageSize, devices });
}

function describeConfiguration(machineType: string): Record<string, unknown> {
  const fields = [
    { name: 'len', type: 'uint32', size: 4 },
    { name: 'name', type: 'buffer', size: encodeUtf8(machineType).length },
  ];
  return { vmsd_name: 'configuration', version: 1, fields };
}

/**
 * Encodes a device as a FULL section with its footer (docs/wire.md, 2.3). `sectionId` is any u32 that is unique in
 * the stream. The caller owns the result.
 * @throws MultifdError `usage` for a name that does not fit.
 */
export function encodeDeviceSection(sectionId: number, section: DeviceSection): Uint8Array {
  return concat(
    u8(SECTION.FULL),
    u32(sectionId),
    encodePstr(section.idstr, 'device'),
    u32(section.instanceId),
    u32(section.versionId),
    section.body,
    u8(SECTION.FOOTER),
    u32(sectionId),
  );
}

/**
 * Splits device state into its sections by the lengths that `vmdesc` gives (docs/wire.md, 7.2). `bytes` begins with
 * the first FULL section and ends with the end of sections, or with the description after it. The sections' bodies
 * are views of `bytes`.
 * @throws WireError `protocol` if the description is not JSON of that shape, or does not fit every byte. Offsets
 *   count from the start of `bytes`.
 */
export function splitDeviceState(bytes: Uint8Array, vmdesc: string): DeviceSection[] {
  return splitDevices(bytes, parseDescription(vmdesc).devices);
}

/** As `splitDeviceState`, by the description's list of devices or part of it. */
export function splitDevices(bytes: Uint8Array, devices: readonly unknown[]): DeviceSection[] {
  const sections: DeviceSection[] = [];
  let at = 0;
  for (const device of devices) {
    const { section, end } = cutSection(bytes, at, device);
    sections.push(section);
    at = end;
  }
  checkEnd(bytes, at);
  return sections;
}

/** A described device as one line: `NAME INSTANCE, SIZE bytes`. @throws WireError `protocol`. */
export function describedHead(device: unknown): string {
  if (!isObject(device)) throw fault('vm description', 0, 'a device', 'something else');
  return `${describedIdentity(device)}, ${describedSize(device)} bytes`;
}

function cutSection(
  bytes: Uint8Array,
  start: number,
  device: unknown,
): { section: DeviceSection; end: number } {
  if (!isObject(device)) throw fault('vm description', start, 'a device', 'something else');
  const idSize = bytes[start + 5] ?? 0;
  const bodyAt = start + 14 + idSize;
  if (bodyAt > bytes.length)
    throw fault('section header', start, `${bodyAt - start} bytes`, `${bytes.length - start}`);
  if (bytes[start] !== SECTION.FULL) {
    throw fault('section type', start, hex(SECTION.FULL, 2), hex(bytes[start], 2));
  }
  const idstr = decodeName(bytes.subarray(start + 6, start + 6 + idSize));
  const instanceId = readU32(bytes, bodyAt - 8);
  if (idstr === undefined || idstr !== device.name || instanceId !== device.instance_id) {
    const expected = describedIdentity(device);
    throw fault('idstr and instance id', start + 5, quote(expected), quote(`${idstr} ${instanceId}`));
  }
  const bodyEnd = bodyAt + describedSize(device);
  const end = bodyEnd + FOOTER_SIZE;
  if (end > bytes.length) throw fault('section', start, `${end - start} bytes`, `${bytes.length - start}`);
  const sectionId = readU32(bytes, start + 1);
  if (bytes[bodyEnd] !== SECTION.FOOTER || readU32(bytes, bodyEnd + 1) !== sectionId) {
    throw fault('footer', bodyEnd, `7e of section ${sectionId}`, 'other bytes');
  }
  const versionId = readU32(bytes, bodyAt - 4);
  return { section: { idstr, instanceId, versionId, body: bytes.subarray(bodyAt, bodyEnd) }, end };
}

/** `NAME INSTANCE`. Either may be anything in a hostile description: what is deeply nested must not become text. */
function describedIdentity({ name, instance_id: instance }: Readonly<Record<string, unknown>>): string {
  const text = (value: unknown): string =>
    typeof value === 'string' || typeof value === 'number' ? `${value}` : typeof value;
  return `${text(name)} ${text(instance)}`;
}

function checkEnd(bytes: Uint8Array, at: number): void {
  const left = bytes.length - at;
  if (left < 1 || bytes[at] !== SECTION.EOF) {
    throw fault('end of sections', at, hex(SECTION.EOF, 2), left < 1 ? 'the end' : hex(bytes[at], 2));
  }
  if (left === 1) return;
  if (descriptionSizeAt(bytes, at) === left - DESCRIPTION_HEADER_SIZE) return;
  throw fault('vm description', at + 1, 'the description and nothing behind it', `${left - 1} bytes`);
}

function fault(field: string, offset: number, expected: string, got: string): WireError {
  return new WireError({ where: 'device state', field, offset, expected, got });
}
