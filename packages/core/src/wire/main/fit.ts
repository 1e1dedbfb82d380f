import { WireError } from '../../errors.js';
import { parseDescription } from '../description.js';
import { describedHead, splitDevices } from '../vm-description.js';
import type { PlacedEarlySection } from './early.js';
import type { DeviceSection } from './records.js';

/**
 * All sections of a stream, early ones first, if `vmdesc` fits every byte of those at its end; else undefined.
 * @param bytes from the first section behind RAM END to the description.
 * @throws WireError `protocol` if it fits those, and not the early ones.
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
    // One that leaves out the early sections would otherwise be waited past, until the source is given up.
    const fits = early.length > 0 && unlessWrong(() => splitDevices(bytes, devices)) !== undefined;
    if (fits) confirmEarly([], early);
    return undefined;
  }
  confirmEarly(devices, early);
  return [...early.map(({ section }) => section), ...late];
}

/**
 * Checks the early sections, whose ends were found by their looks, against the description: it lists them first.
 * @throws WireError `protocol` if name, instance or length of one is another.
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

/** Some bytes of a device may look like a description, and are none: the real one is still to come. */
function unlessWrong<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
