import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { allocateGuestRam, migrate } from '@multifd/core';
import { openStream } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { canMount, run, start, startReceive } from '../helpers/cli.js';
import { allocated, content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;
const SLOW_DISK = fileURLToPath(new URL('../fixtures/slow-disk.mjs', import.meta.url));
/** What a QEMU 10.0 with the machine q35 wrote as a single stream. */
const STREAM = fileURLToPath(
  new URL('../../../../packages/qemu/test/unit/vectors/10.0-q35.stream.gz', import.meta.url),
);
/** Above the hole of q35, which begins at 2 GiB. */
const SIZE = 3 * 2 ** 30;
const DATA = [
  { at: MIB, bytes: content(8192, 1) },
  { at: 2 ** 31 + 4096, bytes: content(4096, 2) },
];
const MACHINE = ['--machine-type', 'pc-q35-10.0'];

/** A guest's RAM with two pieces of data, and zeros that take space. */
function image(directory: string): string {
  const path = join(directory, 'guest.ram');
  writeSparse(path, SIZE, [...DATA, { at: 8 * MIB, bytes: new Uint8Array(MIB) }]);
  return path;
}

function readAt(path: string, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  const count = readSync(fd, bytes, 0, length, offset);
  closeSync(fd);
  return bytes.subarray(0, count);
}

/** The segments that the document names are the file's program headers. */
function checkSegments(path: string, { segments }: { readonly segments: readonly Segment[] }): void {
  const file = readAt(path, 0, 64 + 56 * (segments.length + 1));
  expect(file.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  const loads = segments.map((_, index) => {
    const at = 64 + 56 * (index + 1);
    const [offset, address, length] = [8, 24, 32].map((field) => Number(file.readBigUInt64LE(at + field)));
    return { offset, address, length };
  });
  expect(loads).toEqual(segments.map(({ offset, address, length }) => ({ offset, address, length })));
}

/** Guest-physical memory. */
function readPhysical(path: string, segments: readonly Segment[], address: number, length: number): Buffer {
  const segment = segments.find((each) => each.address <= address && address < each.address + each.length);
  if (segment === undefined) throw new Error(`nothing at ${address}`);
  return readAt(path, segment.offset + address - segment.address, length);
}

interface Segment {
  readonly address: number;
  readonly length: number;
  readonly offset: number;
  readonly block: string;
}

describe('multifd convert', () => {
  it('makes a sparse dump of a single stream, with the registers', async () => {
    const directory = tempDirectory();
    const from = join(directory, 'guest.mig');
    const to = join(directory, 'guest.core');
    writeFileSync(from, gunzipSync(readFileSync(STREAM)));
    const ended = await run(['convert', from, `core:${to}`, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const document = JSON.parse(ended.stdout);
    expect(document).toMatchObject({
      command: 'convert',
      status: 'completed',
      source: from,
      size: statSync(to).size,
    });
    expect(document.dump).toMatchObject({ processors: 1, 'below-4g-from': 'machine', 'left-out': [] });
    checkSegments(to, document.dump);
    expect(allocated(to)).toBe(document.allocated);
    const dump = readFileSync(to);
    const { segments }: { segments: Segment[] } = document.dump;
    for (const _ of openStream(from).readRam({
      page(block, offset, data) {
        // Of RAM that stands at its own address: below the hole, and not below 1 MiB.
        if (block !== 'pc.ram' || offset < MIB) return;
        const segment = segments.find(
          ({ address, length }) => offset >= address && offset < address + length,
        );
        const at = (segment?.offset ?? 0) + offset - (segment?.address ?? 0);
        expect(dump.subarray(at, at + data.length).equals(data)).toBe(true);
      },
      zero: () => {},
    }));
  });

  it('tells what it has made, and replaces it only with --force', async () => {
    const directory = tempDirectory();
    const from = join(directory, 'guest.mig');
    const to = join(directory, 'guest.core');
    writeFileSync(from, gunzipSync(readFileSync(STREAM)));
    const first = await run(['convert', from, `core:${to}`]);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /^core:.+guest\.core: .+ of them on the disk, in .+\nmachine type pc-q35-10\.0, registers of 1 processor, without VMCOREINFO\n {2}0x0000000000 to /,
    );
    const second = await run(['convert', from, `core:${to}`]);
    expect(second).toMatchObject({ code: 2, stdout: '' });
    expect(second.stderr).toMatch(/guest\.core is already there\nhint: .+--force\n$/);
    expect(await run(['convert', from, `core:${to}`, '--force'])).toMatchObject({ code: 0 });
    const itself = await run(['convert', from, `core:${from}`, '--force']);
    expect(itself).toMatchObject({ code: 2, stderr: expect.stringContaining('that is the guest itself') });
    expect(readdirSync(directory).sort()).toEqual(['guest.core', 'guest.mig']);
  });

  it.each([
    [['convert', 'FILE', 'file:x'], 2, /a guest at rest is converted to a dump only\nhint: write core:FILE/],
    [['convert', 'raw:FILE', 'core:x'], 2, /nothing says which machine it is of\nhint: .*--machine-type/],
    [
      ['convert', 'raw:FILE', 'core:x', '--machine-type', 'virt-10.0'],
      4,
      /virt-10\.0: its memory map is not known/,
    ],
    [['convert', 'FILE', 'core:x', ...MACHINE], 2, /--machine-type: what is stored says/],
    [['convert', 'FILE', 'core:x'], 2, /FILE: 4096 bytes|a migration file, and complete/],
    [['convert', 'FILE', 'core:x', '--ram', 'a,,b'], 2, /--ram "a,,b": an empty name/],
  ])('refuses %s', async (args, code, message) => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'FILE'), new Uint8Array(2 * MIB));
    const ended = await run([...args, '--json'], { cwd });
    expect(ended).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect(JSON.parse(ended.stdout)).toMatchObject({ command: 'convert', status: 'failed' });
    expect(readdirSync(cwd)).toEqual(['FILE']);
  });

  it('leaves nothing when it is interrupted while the disk is waited for', async () => {
    const directory = tempDirectory();
    writeSparse(join(directory, 'guest.ram'), 16 * MIB, []);
    const env = { ...process.env, NODE_OPTIONS: `--import=${SLOW_DISK}` };
    const args = ['convert', 'raw:guest.ram', 'core:guest.core', '--json', ...MACHINE];
    const converting = start(args, { cwd: directory, env });
    await converting.says(/the disk is waited for/);
    converting.child.kill('SIGINT');
    const ended = await converting.ended;
    expect(ended.code).toBe(130);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'cancelled' });
    expect(readdirSync(directory)).toEqual(['guest.ram']);
  });

  it.runIf(canMount)('leaves nothing on a disk that is full', async () => {
    const directory = tempDirectory();
    const full = tempDirectory();
    writeSparse(join(directory, 'guest.ram'), 16 * MIB, [{ at: 0, bytes: content(8 * MIB, 3) }]);
    const ended = await run(
      ['convert', `raw:${join(directory, 'guest.ram')}`, `core:${full}/core`, '--json', ...MACHINE],
      {
        mount: `-t tmpfs -o size=4m tmpfs ${full}`,
      },
    );
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/no space left|ENOSPC/i) });
  });
});

describe('a core: target', () => {
  it('is the same dump as of what was stored, at the same addresses', async () => {
    const directory = tempDirectory();
    const from = image(directory);
    const received = join(directory, 'received.core');
    const receiving = await startReceive([`core:${received}`, '--json']);
    const sent = await run(['migrate', `raw:${from}`, receiving.address, '--verify', '--json', ...MACHINE]);
    expect(sent.code).toBe(0);
    const ended = await receiving.ended;
    expect(ended.code).toBe(0);
    const document = JSON.parse(ended.stdout);
    expect(document).toMatchObject({ status: 'completed', images: [received] });
    const { segments }: { segments: Segment[] } = document.dump;
    expect(segments.map(({ address, length }) => [address, length])).toEqual([
      [0, 2 ** 31],
      [2 ** 32, 2 ** 30],
    ]);
    const converted = join(directory, 'converted.core');
    const other = await run(['convert', `raw:${from}`, `core:${converted}`, '--json', ...MACHINE]);
    expect(other).toMatchObject({ code: 0, stderr: expect.stringContaining('registers of the processors') });
    expect(JSON.parse(other.stdout).dump).toEqual(document.dump);
    const storing = await startReceive([`store:${directory}/store#one`]);
    expect(await run(['migrate', `raw:${from}`, storing.address, '--json', ...MACHINE])).toMatchObject({
      code: 0,
    });
    expect(await storing.ended).toMatchObject({ code: 0 });
    const stored = join(directory, 'stored.core');
    const third = await run(['convert', `store:${directory}/store#one`, `core:${stored}`, '--json']);
    expect(third).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(third.stdout).dump).toEqual(document.dump);
    for (const path of [received, converted, stored]) {
      checkSegments(path, document.dump);
      expect(allocated(path)).toBeLessThan(MIB);
      for (const { at, bytes } of DATA) {
        const address = at < 2 ** 31 ? at : at + 2 ** 31;
        expect(readPhysical(path, segments, address, bytes.length).equals(bytes)).toBe(true);
      }
    }
  });

  it('refuses another machine while its source has the guest, also one that waits for no answer', async () => {
    const directory = tempDirectory();
    const receiving = await startReceive([`core:${join(directory, 'guest.core')}`, '--json']);
    // More than connections hold whose other end reads no page.
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 64 * MIB }], 4096);
    const sent = migrate({
      guest: { ram: { pageSize: 4096, blocks }, machineType: 'isapc' },
      to: receiving.address,
      parameters: { zeroPageDetection: 'none', returnPath: false },
    });
    await expect(sent).rejects.toMatchObject({ guest: 'source' });
    const ended = await receiving.ended;
    expect(ended).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/machine type isapc: its memory map is not known/),
    });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed' });
    expect(readdirSync(directory)).toEqual([]);
  });
});
