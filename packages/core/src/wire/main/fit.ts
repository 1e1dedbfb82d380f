import { WireError } from '../../errors.js';
import { parseDescription } from '../description.js';
import { describedHead, splitDevices } from '../vm-description.js';
import type { PlacedEarlySection } from './early.js';
import type { DeviceSection } from './records.js';

/**
 * Returns all sections of a stream, early ones first, if `vmdesc` fits every byte of the late ones; else undefined.
 * @param bytes from the first section after RAM END to the description.
 * @throws WireError `protocol` if it fits the late sections but not the early ones.
 */
export function fitDescription(
  bytes: Uint8Array,
  vmdesc: string,
  early: readonly PlacedEarlySection[],
): readonly DeviceSection[] | undefined {
  const devices = unlessWrong(() => parseDescription(vmdesc).devices);
  if (devices === undefined) return undefined;
  const late = unlessWrong(() => splitDevices(bytes, devices.slice(early.length)));
  if (late === undefined) {
    // Refuse a description that omits the early sections: else we would wait for another until the source times out.
    const fits = early.length > 0 && unlessWrong(() => splitDevices(bytes, devices)) !== undefined;
    if (fits) confirmEarly([], early);
    return undefined;
  }
  confirmEarly(devices, early);
  return [...early.map(({ section }) => section), ...late];
}

/**
 * Checks the early sections, whose ends were guessed, against the description, which lists them first.
 * @throws WireError `protocol` if the name, instance or length of one differs.
 */
export function confirmEarly(devices: readonly unknown[], early: readonly PlacedEarlySection[]): void {
  early.forEach(({ section, offset }, index) => {
    const { idstr, instanceId, body } = section;
    const got = `${idstr} ${instanceId}, ${body.length} bytes`;
    const expected = index < devices.length ? describedHead(devices[index]) : 'no early section';
    if (got === expected) return;
    const where = `main stream, early section ${idstr}`;
    const field = 'idstr, instance id and length';
    throw new WireError({ where, field, offset, expected: `${expected}, as described`, got });
  });
}

/** Undefined for a WireError: a device's bytes may merely look like a description, and the real one comes later. */
function unlessWrong<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
