import type { DecodedDevice } from '../inspect/devices.js';
import { Fields } from './fields.js';
import { roundUp } from './notes.js';

/** FW_CFG_VMCOREINFO_FORMAT_ELF. */
const FORMAT_ELF = 1n;
/** QEMU's MAX_GUEST_NOTE_SIZE, in bytes. */
export const MAX_GUEST_NOTE = 2 ** 20;
const NOTE_HEADER = 12;

/** Where in guest-physical memory the guest says that its note is. */
export interface GuestNotePlace {
  readonly address: number;
  /** Bytes: at most `MAX_GUEST_NOTE`. */
  readonly size: number;
}

/** What the vmcoreinfo device (QEMU's `-device vmcoreinfo`) was told; undefined: there is none, or the guest has told it nothing usable. */
export function guestNotePlace(devices: readonly DecodedDevice[]): GuestNotePlace | undefined {
  const device = devices.find(({ name }) => name === 'vmcoreinfo');
  if (device?.state.has_vmcoreinfo !== true) return undefined;
  const fields = new Fields('vmcoreinfo', device.state);
  const size = Number(fields.number('vmcoreinfo.size'));
  const address = Number(fields.number('vmcoreinfo.paddr'));
  if (fields.number('vmcoreinfo.guest_format') !== FORMAT_ELF) return undefined;
  if (size < NOTE_HEADER || size > MAX_GUEST_NOTE || !Number.isSafeInteger(address + size)) return undefined;
  return { address, size };
}

/**
 * The guest's note, without what is behind it.
 * @param bytes what stands at its place.
 * @returns undefined if that is no note: the guest can write anything there.
 */
export function guestNote(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < NOTE_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = NOTE_HEADER + roundUp(view.getUint32(0, true)) + roundUp(view.getUint32(4, true));
  return size > NOTE_HEADER && size <= bytes.length ? bytes.subarray(0, size) : undefined;
}
