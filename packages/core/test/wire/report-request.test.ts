import { describe, expect, it } from 'vitest';
import {
  describeDevices,
  encodeDeviceSection,
  encodeEndOfSections,
  encodeVmDescription,
} from '../../src/public/wire.js';
import { withoutReportRequest, withReportRequest } from '../../src/wire/report-request.js';

function tailOf(body: Uint8Array): Uint8Array {
  const section = { idstr: 'd', instanceId: 0, versionId: 1, body };
  return Buffer.concat([
    encodeDeviceSection(1, section),
    encodeEndOfSections(),
    encodeVmDescription(describeDevices([section], 4096)),
  ]);
}

describe('the request for a report', () => {
  it('comes and goes, and leaves the rest as it was', () => {
    const tail = tailOf(Uint8Array.of(0, 6, 0, 0, 0, 9, 0x7b));
    expect(Buffer.from(withoutReportRequest(withReportRequest(tail)).bytes)).toEqual(Buffer.from(tail));
  });

  it('a million places in a device that look like a description of all that follows cost no time', () => {
    const count = 2 ** 20;
    const body = Buffer.alloc(count * 7, 0x7b);
    const size = tailOf(body).length;
    // The body begins behind the section's header, of 15 bytes.
    for (let at = 0; at < body.length; at += 7) {
      body.writeUInt16BE(6, at);
      body.writeUInt32BE(size - 15 - at - 6, at + 2);
    }
    const tail = tailOf(body);
    expect(tail.length).toBe(size);
    const { bytes } = withoutReportRequest(withReportRequest(tail));
    expect(bytes.length).toBe(tail.length);
  }, 60_000);
});
