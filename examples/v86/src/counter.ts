/**
 * A guest that needs neither a BIOS nor a disk: a multiboot kernel of 112 bytes. It counts, writes each number to the next of
 * 4096 pages from 2 MiB on, and says every 64th as hex digits on the first serial port. So what its memory must hold follows
 * from the number that it has come to.
 *
 * `as --32`, then `ld -m elf_i386 -Ttext 0x100000 --oformat binary`, behind a multiboot header with the flag 0x10000:
 *
 *     step:  inc  edi                          digit: rol  ebx, 4
 *            mov  eax, edi                            mov  al, bl
 *            and  eax, 4095                           and  al, 15
 *            shl  eax, 12                             cmp  al, 10
 *            mov  [eax + 0x200000], edi               sbb  al, 0x69
 *            mov  [count], edi                        das
 *            mov  ecx, 2000                           out  dx, al         ; COM1, 0x3f8
 *     wait:  dec  ecx                                 dec  ecx            ; 8 digits
 *            jnz  wait                                jnz  digit
 *            test edi, 63                             mov  al, 10
 *            jnz  step                                out  dx, al
 *            ...                                      jmp  step
 */
export const COUNTER = Buffer.from(
  [
    '02b0ad1b00000100fe4f51e40000100000001000000000000000000020001000',
    'fa31ff4789f825ff0f0000c1e00c89b800002000893d6c001000b9d007000049',
    '75fdf7c73f00000075d966baf80389fbb908000000c1c30488d8240f3c0a1c69',
    '2fee4975f0b00aeeebb9669000000000',
  ].join(''),
  'hex',
);

const FIRST = 0x200000;
const PAGES = 4096;
const PAGE_SIZE = 4096;
const COUNT = 0x10006c;

/**
 * Compares all pages that the guest writes with what it must have written. It must stand still.
 * @returns the number that it has come to, and the pages that are wrong.
 */
export function checkCounter(ram: Uint8Array): { readonly count: number; readonly wrong: readonly number[] } {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const count = view.getUint32(COUNT, true);
  const wrong: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const last = count - ((count - page + PAGES) % PAGES);
    const found = view.getUint32(FIRST + page * PAGE_SIZE, true);
    // It may have been stopped between the page and its count.
    if (found !== Math.max(0, last) && found !== count + 1) wrong.push(page);
  }
  return { count, wrong };
}
