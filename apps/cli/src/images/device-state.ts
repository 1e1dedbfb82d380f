import type { RawDeviceState } from '@multifd/core';

/** The byte that ends the sections: QEMU_VM_EOF. */
const EOF = 0;

/** Whether a guest has state besides its RAM, described or not. */
export function hasDeviceState({ beforeRam, early, bytes }: RawDeviceState): boolean {
  return (beforeRam?.length ?? 0) > 0 || early.length > 0 || (bytes.length > 0 && bytes[0] !== EOF);
}

/** For a target that has no room for it. */
export function droppedNote(directory: string): string {
  return `raw:${directory} has the guest's RAM and not its device state, which is dropped: nothing can resume the guest from it (file:FILE keeps both)`;
}

/** For a source that has none, though its guest had. */
export function withoutNote(directory: string): string {
  return `warning: raw:${directory} has the RAM of a guest whose device state was dropped when it was stored: a QEMU that gets it has its processors and devices as after a reset`;
}
