import { MultifdError } from '../errors.js';
import { concat, readU32, u8 } from './bytes.js';
import { SECTION } from './layout.js';
import { encodeVmDescription } from './main/encode.js';
import type { DeviceSection } from './main/records.js';
import { REPORT_SECTION } from './return-path.js';
import { encodeDeviceSection } from './vm-description.js';

/** The section that asks a multifd destination for a report. */
export const REPORT_REQUEST: DeviceSection = {
  idstr: REPORT_SECTION,
  instanceId: 0,
  versionId: 1,
  body: Uint8Array.of(1),
};

/** Any id that no other section has: a machine's ids are small. */
const SECTION_ID = 0x6d64;
const DESCRIPTION_HEADER = 5;

/** A stream's end: sections, the end-of-sections byte, the description. */
interface Tail {
  readonly sections: Uint8Array;
  readonly description: Record<string, unknown>;
  readonly devices: readonly unknown[];
}

/**
 * Adds the request to the end of another source's stream.
 * @throws MultifdError `usage` if it has no description, which the destination needs to find the request.
 */
export function withReportRequest(bytes: Uint8Array): Uint8Array {
  const tail = parseTail(bytes);
  if (tail === undefined) {
    throw new MultifdError(
      'usage',
      'the device state has no description, so that no report can be asked for',
    );
  }
  const size = REPORT_REQUEST.body.length;
  const device = {
    name: REPORT_SECTION,
    instance_id: 0,
    size,
    fields: [{ name: 'data', type: 'buffer', size }],
  };
  return join(concat(tail.sections, encodeDeviceSection(SECTION_ID, REPORT_REQUEST)), tail.description, [
    ...tail.devices,
    device,
  ]);
}

/**
 * Removes the request, the last section, from a stream's end: the rest may go to a QEMU.
 * @throws MultifdError `internal` if there is no request.
 */
export function withoutReportRequest(bytes: Uint8Array): {
  readonly bytes: Uint8Array;
  readonly vmdesc: string;
} {
  const tail = parseTail(bytes);
  const last: unknown = tail?.devices.at(-1);
  if (
    tail === undefined ||
    typeof last !== 'object' ||
    last === null ||
    Reflect.get(last, 'name') !== REPORT_SECTION
  ) {
    throw new MultifdError('internal', 'the device state does not end with a request for a report');
  }
  const length = encodeDeviceSection(SECTION_ID, REPORT_REQUEST).length;
  const devices = tail.devices.slice(0, -1);
  return {
    bytes: join(tail.sections.subarray(0, -length), tail.description, devices),
    vmdesc: JSON.stringify({ ...tail.description, devices }),
  };
}

/**
 * Splits at the description: the JSON text whose length reaches exactly to the end. JSON has no NUL, and the header does:
 * so all places that look like it are ruled out by the next one, in however many bytes a hostile source sends.
 */
function parseTail(bytes: Uint8Array): Tail | undefined {
  for (let brace = bytes.indexOf(0x7b); brace >= 0; brace = bytes.indexOf(0x7b, brace + 1)) {
    const header = brace - DESCRIPTION_HEADER;
    if (header < 1 || bytes[header] !== SECTION.VMDESCRIPTION || bytes[header - 1] !== SECTION.EOF) continue;
    if (brace + readU32(bytes, header + 1) !== bytes.length || bytes.includes(0, brace)) continue;
    const description = parseObject(bytes.subarray(brace));
    const devices: unknown = description?.devices;
    if (description === undefined || !Array.isArray(devices)) continue;
    return { sections: bytes.subarray(0, header - 1), description, devices };
  }
  return undefined;
}

function parseObject(text: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(text));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function join(
  sections: Uint8Array,
  description: Record<string, unknown>,
  devices: readonly unknown[],
): Uint8Array {
  return concat(sections, u8(SECTION.EOF), encodeVmDescription(JSON.stringify({ ...description, devices })));
}
