import { formatBytes, plain } from '../report/format.js';

/** For RAM that is not in a dump. */
export function leftOutNote({ name, length }: { readonly name: string; readonly length: number }): string {
  return `RAM block ${plain(name)} (${formatBytes(length)}) is not in the dump: nothing in the stream says where the guest has it`;
}

/** For a guest that came to a dump. */
export function dumpNote(path: string): string {
  return `core:${path} is a dump for debuggers: nothing can resume the guest from it (file:FILE keeps what a QEMU needs)`;
}
