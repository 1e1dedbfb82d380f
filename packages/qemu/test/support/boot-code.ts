/**
 * A guest of 172 bytes, in place of a BIOS (`-bios`): it counts in memory and on the serial port, and dirties a
 * range of RAM if it is told to. Assembled by hand (checked against GNU as); RAM is as the test left it.
 */

/** Guest-physical address of the page through which test and guest talk. Little-endian u32 fields. */
export const CONTROL_PAGE = 0x10000;

/** Byte offsets in the control page. */
export const CONTROL = {
  /** Rounds of the loop, counted by the guest. */
  rounds: 0,
  /** Lines said on the serial port: the number of the last one. */
  lines: 4,
  /** Address of the range to dirty. */
  dirtyBase: 8,
  /** Its length in pages of 4096 bytes; 0: nothing is dirtied. One page is written in each round. */
  dirtyPages: 12,
  /** Page of the range that comes next. */
  nextPage: 16,
  /** A line is said when `rounds & mask` is 0. */
  mask: 20,
} as const;

const CODE = `
  fa               cli
  2e660f01163000   lgdt   cs:[0x30]
  0f20c0           mov    eax, cr0
  0c01             or     al, 1
  0f22c0           mov    cr0, eax
  66ea3600ffff0800 jmp    8:0xffff0036
  0000000000000000 gdt: null
  ffff0000009acf00 gdt: 8, code, flat
  ffff00000092cf00 gdt: 16, data, flat
  17001800ffff     gdt: 24 bytes at 0xffff0018
  66b81000         mov    ax, 16
  8ed8             mov    ds, eax
  8ed0             mov    ss, eax
  bc00100100       mov    esp, 0x11000     end of the control page
  bb00000100       mov    ebx, 0x10000     control page
  ff03             step: inc dword [ebx]   rounds
  8b4b0c           mov    ecx, [ebx+12]    dirtyPages
  e319             jecxz  speak
  8b4310           mov    eax, [ebx+16]    nextPage
  39c8             cmp    eax, ecx
  7202             jb     in_range
  31c0             xor    eax, eax
  8d5001           in_range: lea edx, [eax+1]
  895310           mov    [ebx+16], edx
  c1e00c           shl    eax, 12
  034308           add    eax, [ebx+8]     dirtyBase
  8b13             mov    edx, [ebx]
  8910             mov    [eax], edx       the round's number
  8b4314           speak: mov eax, [ebx+20] mask
  8503             test   [ebx], eax
  75d9             jnz    step
  ff4304           inc    dword [ebx+4]    lines
  8b7304           mov    esi, [ebx+4]
  b908000000       mov    ecx, 8
  c1c604           digit: rol esi, 4
  89f0             mov    eax, esi
  240f             and    al, 15
  3c0a             cmp    al, 10
  7202             jb     decimal
  0427             add    al, 39           'a' - '0' - 10
  0430             decimal: add al, 48     '0'
  e80b000000       call   put
  e2ea             loop   digit
  b00a             mov    al, 10           end of line
  e802000000       call   put
  ebaf             jmp    step
  88c4             put: mov ah, al
  66bafd03         mov    dx, 0x3fd
  ec               full: in al, dx
  a820             test   al, 0x20
  74fb             jz     full
  88e0             mov    al, ah
  66baf803         mov    dx, 0x3f8
  ee               out    dx, al
  c3               ret
`;

/** Bytes; where the processor starts, from the end: 0xfffffff0. */
const ROM_SIZE = 64 * 1024;
const RESET_VECTOR = ROM_SIZE - 16;
/** `jmp` back to the front of the ROM. */
const JUMP = [0xe9, 0x0d, 0x00];

/** The whole ROM, to be written to a file for `-bios`. */
export function bootRom(): Uint8Array {
  const hex = CODE.split('\n')
    .map((line) => line.trim().split(' ')[0] ?? '')
    .join('');
  const rom = new Uint8Array(ROM_SIZE);
  rom.set(Buffer.from(hex, 'hex'), 0);
  rom.set(JUMP, RESET_VECTOR);
  return rom;
}

/** What the control page holds before the guest starts. */
export function controlPage(
  settings: { dirtyBase?: number; dirtyPages?: number; mask?: number } = {},
): Buffer {
  const page = Buffer.alloc(4096);
  page.writeUInt32LE(settings.dirtyBase ?? 0, CONTROL.dirtyBase);
  page.writeUInt32LE(settings.dirtyPages ?? 0, CONTROL.dirtyPages);
  page.writeUInt32LE(settings.mask ?? 0x3ffff, CONTROL.mask);
  return page;
}
