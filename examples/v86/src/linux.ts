/** A Linux guest: a kernel and a BIOS that Debian has, and a root file system of one program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Guest } from './machine.ts';

/**
 * The first program, static, for Linux on i386: it writes a number to the console, one more each time, and sleeps 100 ms.
 * It was made with `as --32` and `ld -m elf_i386 -N -s` of two system calls, write (4) and nanosleep (162), and a division.
 */
const INIT = Buffer.from(
  [
    '7f454c4601010100000000000000000002000300010000005480040834000000',
    'c400000000000000340020000100280003000200010000005400000054800408',
    '548004085c0000005c000000070000000400000031ff4789f8b9af800408c601',
    '0abb0a00000031d2f7f380c23049881185c075f2bab080040829cab804000000',
    'bb01000000cd80b8a2000000bb9880040831c9cd80ebbf900000000000e1f505',
    '00000000000000000000000000000000002e7368737472746162002e74657874',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000b00000001000000070000005480040854000000',
    '5c00000000000000000000000400000000000000010000000300000000000000',
    '00000000b00000001100000000000000000000000100000000000000',
  ].join(''),
  'hex',
);

/**
 * @param folder with `linux`, a kernel for i386 with a serial console, and `bios.bin`, SeaBIOS: `fetch-linux.sh` makes it.
 */
export function linuxGuest(folder: string): Guest {
  return {
    bios: readFileSync(join(folder, 'bios.bin')),
    linux: readFileSync(join(folder, 'linux')),
    initrd: gzipSync(
      Buffer.concat([
        entry('dev', 0o040755),
        entry('dev/console', 0o020600, { device: [5, 1] }),
        entry('init', 0o100755, { content: INIT }),
        entry('TRAILER!!!', 0),
      ]),
    ),
    cmdline: 'console=ttyS0 quiet mitigations=off',
  };
}

/** A file of an archive as the kernel unpacks it: cpio, in the form called newc. */
function entry(
  name: string,
  mode: number,
  {
    content = Buffer.alloc(0),
    device: [major, minor] = [0, 0],
  }: { content?: Buffer; device?: [number, number] } = {},
): Buffer {
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, name.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0'));
  return Buffer.concat([padded(Buffer.from(`070701${hex.join('')}${name}\0`)), padded(content)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
