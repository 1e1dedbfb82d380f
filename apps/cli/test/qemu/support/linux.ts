/**
 * A real Linux in a QEMU: the kernel that a test of examples/v86 boots, too, and a root file system of one program.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { QemuRelease } from '../../../../../packages/qemu/test/support/binaries.js';
import { Qemu } from '../../../../../packages/qemu/test/support/qemu.js';
import type { Guest } from './guests.js';

/** A folder that `examples/v86/fetch-linux.sh` has filled. */
export const LINUX = process.env.MULTIFD_V86_LINUX;

/** Bytes. */
const RAM = 128 * 2 ** 20;

/**
 * The first program, static, for Linux on i386. It asks the kernel for a random word, and then writes a line to the console ten
 * times a second: the word, which is nowhere but in its memory, and a count. `as --32`, then `ld -m elf_i386 -N -s`:
 *
 *           mov  $355, %eax            # getrandom(word, 4, 0)      hex:   mov  $8, %ecx
 *           mov  $word, %ebx                                        digit: rol  $4, %ebx
 *           mov  $4, %ecx                                                  mov  %bl, %al
 *           xor  %edx, %edx                                                and  $15, %al
 *           int  $0x80                                                     cmp  $10, %al
 *           xor  %edi, %edi                                                sbb  $0x69, %al
 *     step: inc  %edi                                                      das
 *           ...  word and count to `line` by `hex`                         mov  %al, (%esi)
 *           mov  $4, %eax              # write(1, line, 18)                inc  %esi
 *           int  $0x80                                                     dec  %ecx
 *           mov  $162, %eax            # nanosleep(100 ms)                 jnz  digit
 *           int  $0x80                                                     ret
 *           jmp  step
 */
const INIT = Buffer.from(
  [
    '7f454c4601010100000000000000000002000300010000005480040834000000',
    'f800000000000000340020000100280003000200010000005400000054800408',
    '5480040892000000920000000700000001000000b863010000bbce800408b904',
    '00000031d2cd8031ff478b1dce800408bed2800408e834000000c606204689fb',
    'e829000000c6060ab804000000bb01000000b9d2800408ba12000000cd80b8a2',
    '000000bbc680040831c9cd80ebbbb908000000c1c30488d8240f3c0a1c692f88',
    '06464975eec30000000000e1f505000000000000000000000000000000000000',
    '000000000000002e7368737472746162002e7465787400000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0b00000001000000070000005480040854000000920000000000000000000000',
    '010000000000000001000000030000000000000000000000e600000011000000',
    '00000000000000000100000000000000',
  ].join(''),
  'hex',
);

/** @param incoming waits for a guest, instead of booting. @param name tells it from others in the same folder. */
export async function startLinux(
  release: QemuRelease,
  folder: string,
  name: string,
  incoming: boolean,
): Promise<Guest> {
  const from = LINUX ?? '';
  const initrd = join(folder, 'initrd');
  if (!existsSync(initrd)) writeFileSync(initrd, initrdOf(INIT));
  const ram = { name: 'pc.ram', size: RAM, path: join(folder, `${name}-ram`) };
  const qemu = await Qemu.start({
    release,
    machine: 'pc-q35-7.2',
    folder,
    name,
    ram: [ram],
    ...(incoming ? { incoming } : { running: true }),
    extra: [
      ...['-bios', join(from, 'bios.bin'), '-kernel', join(from, 'linux'), '-initrd', initrd],
      ...['-append', 'console=ttyS0 quiet mitigations=off'],
    ],
  });
  return { qemu, ram };
}

/** A line of the program's, once it is whole. */
export interface Line {
  readonly word: string;
  readonly count: number;
}

export function linesOf({ qemu }: Guest): readonly Line[] {
  return [...qemu.serial().matchAll(/^([0-9A-F]{8}) ([0-9A-F]{8})\r?\n/gm)].map(
    ([, word = '', count = '']) => ({
      word,
      count: Number.parseInt(count, 16),
    }),
  );
}

function initrdOf(program: Buffer): Buffer {
  return gzipSync(
    Buffer.concat([
      entry('dev', 0o040755),
      entry('dev/console', 0o020600, Buffer.alloc(0), [5, 1]),
      entry('init', 0o100755, program),
      entry('TRAILER!!!', 0),
    ]),
  );
}

/** A file of an archive as the kernel unpacks it: cpio, in the form called newc. */
function entry(
  name: string,
  mode: number,
  content: Buffer = Buffer.alloc(0),
  [major, minor] = [0, 0],
): Buffer {
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, major ?? 0, minor ?? 0, name.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0'));
  return Buffer.concat([padded(Buffer.from(`070701${hex.join('')}${name}\0`)), padded(content)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
