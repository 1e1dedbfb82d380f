/** Bytes of the ELF header, and of one program header. */
export const ELF_HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
const ET_CORE = 4;
const EM_386 = 3;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;

/** A piece of guest memory in the file. */
export interface Segment {
  /** Byte offset in the file. */
  readonly offset: number;
  /** Guest-physical address. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * The ELF header and the program headers of a dump: its notes, then its memory.
 * @param notes where they are in the file, in bytes.
 * @param longMode whether the guest's first processor is in long mode: QEMU names the machine after that.
 */
export function encodeElfHeader(
  notes: { readonly offset: number; readonly length: number },
  segments: readonly Segment[],
  longMode: boolean,
): Uint8Array {
  const count = 1 + segments.length;
  const bytes = new Uint8Array(ELF_HEADER_SIZE + count * PROGRAM_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  // 64 bits, little endian, version 1.
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, longMode ? EM_X86_64 : EM_386, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(ELF_HEADER_SIZE), true);
  view.setUint16(52, ELF_HEADER_SIZE, true);
  view.setUint16(54, PROGRAM_HEADER_SIZE, true);
  view.setUint16(56, count, true);
  const header = (index: number, type: number, values: readonly number[]): void => {
    const at = ELF_HEADER_SIZE + index * PROGRAM_HEADER_SIZE;
    view.setUint32(at, type, true);
    values.forEach((value, index) => {
      view.setBigUint64(at + 8 + 8 * index, BigInt(value), true);
    });
  };
  // Offset, virtual and physical address, size in the file and in memory, alignment.
  header(0, PT_NOTE, [notes.offset, 0, 0, notes.length, notes.length, 0]);
  segments.forEach(({ offset, address, length }, index) => {
    // As QEMU has it: without paging the physical address stands for the virtual one, too; and no alignment, which crash takes
    // for the guest's page size.
    header(index + 1, PT_LOAD, [offset, address, address, length, length, 0]);
  });
  return bytes;
}
