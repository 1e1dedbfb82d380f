/** What QEMU's machine types before 2.4 leave out of the stream (hw_compat_2_3), and what then stands in its place. */
import { hex } from '../bytes.js';
import { SECTION } from '../layout.js';
import type { ByteReader } from './byte-reader.js';

const { START, PART, END, FULL, COMMAND } = SECTION;
const BEGINNINGS: readonly number[] = [START, PART, END, FULL, COMMAND];

/**
 * The error for another byte than `expected`: if a section or a command begins with it, the source leaves this part out.
 * @param property QEMU's, that turns the part on.
 */
export function missingPart(reader: ByteReader, expected: string, found: number, property: string): Error {
  if (!BEGINNINGS.includes(found)) return reader.fault(expected, hex(found, 2));
  const remedy = `the source sends none: give the guest a machine type from 2.4 on, or leave ${property} on`;
  return reader.fault(expected, hex(found, 2), 'incompatible', remedy);
}
