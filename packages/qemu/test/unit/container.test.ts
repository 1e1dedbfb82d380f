import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { MultifdError } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { unpack } from '../../src/container/unpack.js';
import { explainFile, inspect, inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { MemorySource } from '../../src/stream/byte-source.js';
import { FORMATS, refusal, skippable, write } from '../support/container.js';
import { TestFolder } from '../support/folder.js';
import { libvirtFront } from '../support/libvirt.js';

const load = (name: string): Uint8Array =>
  gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
const STREAM = load('10.0-q35.stream');
const EXPECTED = inspect(new MemorySource(STREAM));

describe('a stream that does not begin with its file is explained', () => {
  it.each([
    ['raw', STREAM],
    ['gzip', gzipSync(STREAM)],
    ['zstd', zstdCompressSync(STREAM)],
  ] as const)('in a save image of libvirt, %s', async (format, body) => {
    for (const little of [true, false]) {
      using folder = new TestFolder();
      const path = write(folder, libvirtFront(FORMATS[format], { little }), body);
      const { container, streamOffset, ...rest } = await explainFile(path);
      expect(container).toEqual({
        libvirt: { format, wasRunning: true },
        ...(format === 'raw' ? {} : { compression: format }),
      });
      expect(streamOffset).toBe(format === 'raw' ? 70_092 : 0);
      expect(rest.devices).toEqual(EXPECTED.devices);
      expect(rest.blocks).toEqual(EXPECTED.blocks);
    }
  });

  it('version 1 of libvirt has no formats', async () => {
    using folder = new TestFolder();
    const path = write(folder, libvirtFront(99, { version: 1, running: 0 }), STREAM);
    expect((await explainFile(path)).container).toEqual({ libvirt: { format: 'raw', wasRunning: false } });
  });

  it.each([
    ['gzip', gzipSync(STREAM)],
    ['gzip', Buffer.concat([gzipSync(STREAM.subarray(0, 5000)), gzipSync(STREAM.subarray(5000))])],
    ['zstd', zstdCompressSync(STREAM)],
  ])('packed with %s', async (compression, bytes) => {
    using folder = new TestFolder();
    using temporary = new TestFolder();
    vi.stubEnv('TMPDIR', temporary.path);
    onTestFinished(() => void vi.unstubAllEnvs());
    const found = await explainFile(write(folder, bytes));
    expect(found).toEqual({ ...EXPECTED, container: { compression } });
    expect(readdirSync(temporary.path)).toEqual([]);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('in a save image of libvirt that was packed with %s', async (compression, pack) => {
    using folder = new TestFolder();
    const found = await explainFile(write(folder, pack(Buffer.concat([libvirtFront(FORMATS.raw), STREAM]))));
    expect(found).toMatchObject({
      container: { libvirt: { format: 'raw', wasRunning: true }, compression },
      streamOffset: 70_092,
    });
    expect(found.devices).toEqual(EXPECTED.devices);
  });

  it('packed with zstd, behind frames that are skipped', async () => {
    using folder = new TestFolder();
    const path = write(folder, skippable(4), skippable(0), zstdCompressSync(STREAM));
    expect(await explainFile(path)).toEqual({ ...EXPECTED, container: { compression: 'zstd' } });
    expect((await refusal(() => openMappedRam(path))).message).toMatch(/: a zstd file: /);
  });

  it('at an offset, also packed', async () => {
    using folder = new TestFolder();
    const path = write(folder, 'x'.repeat(777), STREAM);
    expect((await explainFile(path, { offset: 777 })).devices).toEqual(EXPECTED.devices);
    expect(await explainFile(path, { offset: 777 })).toMatchObject({ streamOffset: 777 });
    const packed = write(folder, 'x'.repeat(777), gzipSync(STREAM));
    expect((await explainFile(packed, { offset: 777 })).devices).toEqual(EXPECTED.devices);
  });
});

describe('what cannot be read is named, with what to do', () => {
  it.each([
    [[0x7f, ...Buffer.from('ELF')], /an ELF file, not a migration file/, /has no devices/],
    [Buffer.from('KDUMP   '), /a kdump file/, /has no devices/],
    [Buffer.from('DISKDUMP'), /a kdump file/, /has no devices/],
    [Buffer.from('makedumpfile\0\0\0\0'), /a kdump file/, /has no devices/],
    [Buffer.from('PAGEDU64'), /a crash dump of Windows/, /has no devices/],
    [[...Buffer.from('QFI'), 0xfb], /a qcow2 disk image/, /loadvm/],
    [Buffer.from('PK\x03\x04\x14'), /a zip file/, /unzip -p/],
    [Buffer.from('BZh91AY'), /a bzip2 file/, /bzip2 -dc .+ > guest\.mig/],
    [[0xfd, ...Buffer.from('7zXZ'), 0], /an xz file/, /xz -dc/],
    [[0x89, ...Buffer.from('LZO'), 0], /an lzop file/, /lzop -dc/],
    [[4, 0x22, 0x4d, 0x18], /an lz4 file/, /lz4 -dc/],
  ])('%o', async (magic, message, hint) => {
    using folder = new TestFolder();
    const path = write(folder, Uint8Array.from(magic), 'a'.repeat(5000));
    for (const call of [() => explainFile(path), () => openMappedRam(path)]) {
      const error = await refusal(call);
      expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
      expect(error.hint).toMatch(hint);
    }
  });

  it('an empty file', async () => {
    using folder = new TestFolder();
    const path = write(folder, new Uint8Array(0), '');
    for (const call of [() => explainFile(path), () => openMappedRam(path)]) {
      const error = await refusal(call);
      expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(/the file is empty$/) });
      expect(error.hint).toMatch(/was the migration that wrote it completed/);
    }
  });

  it.each(['bzip2', 'xz', 'lzop'] as const)("libvirt's %s", async (format) => {
    using folder = new TestFolder();
    const path = write(folder, libvirtFront(FORMATS[format]), 'whatever it is');
    const error = await refusal(() => explainFile(path));
    expect(error.message).toContain(`a save image of libvirt, packed with ${format}`);
    expect(error.hint).toContain(`tail -c +70093 ${path} | ${format} -dc`);
  });

  it('an image that libvirt has not finished', async () => {
    using folder = new TestFolder();
    const path = write(folder, libvirtFront(0, { magic: 'LibvirtQemudPart' }), STREAM);
    const error = await refusal(() => explainFile(path));
    expect(error.message).toContain('a save image that libvirt has not finished');
    expect(error.hint).toContain('the guest is not in this file');
  });

  it('what migrate cannot send, though inspect explains it', async () => {
    using folder = new TestFolder();
    const packed = await refusal(() => openMappedRam(write(folder, gzipSync(STREAM))));
    expect(packed.message).toContain('a gzip file: pages cannot be read from it');
    expect(packed.hint).toMatch(
      /^unpack it first: gzip -dc .+ > guest\.mig \(only a file with mapped-ram can be sent\)$/,
    );
    const raw = await refusal(() => openMappedRam(write(folder, libvirtFront(0), STREAM)));
    expect(raw).toMatchObject({ code: 'incompatible', hint: expect.stringContaining('sparse') });
    const sync = await refusal(() => inspectFile(write(folder, zstdCompressSync(STREAM))));
    expect(sync.hint).toContain('zstd -dc');
  });

  it('an offset behind the end', async () => {
    using folder = new TestFolder();
    const path = write(folder, STREAM);
    const error = await refusal(() => explainFile(path, { offset: STREAM.length }));
    expect(error.message).toContain(`offset ${STREAM.length} is not within its ${STREAM.length} bytes`);
  });
});

describe('a hostile file', () => {
  it.each([
    [{ length: 2 ** 32 - 1 }, /4294967295 bytes of XML/],
    [{ length: 0 }, /0 bytes of XML/],
    [{ version: 3 }, /version 3, not 1 or 2/],
    [{ version: 9, little: false }, /version 9, not 1 or 2/],
    [{ version: 0 }, /version 0/],
  ])("libvirt's header with %o", async (settings, message) => {
    using folder = new TestFolder();
    const path = write(folder, libvirtFront(0, settings), STREAM);
    expect((await refusal(() => explainFile(path))).message).toMatch(message);
  });

  it('a format that is not known, one that is not there, and a header that is cut', async () => {
    using folder = new TestFolder();
    const unknown = write(folder, libvirtFront(7), STREAM);
    expect((await refusal(() => explainFile(unknown))).message).toContain('format 7, not 0 to 6');
    const other = write(folder, libvirtFront(FORMATS.gzip), STREAM);
    expect((await refusal(() => explainFile(other))).message).toContain(
      'format gzip, but there is a migration stream at byte 70092',
    );
    for (const size of [16, 20, 91, 92, 93, 70_092]) {
      const cut = write(folder, libvirtFront(0).subarray(0, size));
      expect((await refusal(() => explainFile(cut))).code).toBe('usage');
    }
  });

  it('packed data that is cut or damaged', async () => {
    using folder = new TestFolder();
    const random = createRandom(testSeed());
    for (const bytes of [gzipSync(STREAM), zstdCompressSync(STREAM)]) {
      for (let round = 0; round < 20; round++) {
        const cut = bytes.subarray(0, 4 + random.int(bytes.length - 5));
        expect((await refusal(() => explainFile(write(folder, cut)))).code).toBe('usage');
        const spoilt = Uint8Array.from(bytes);
        const at = 4 + random.int(bytes.length - 4);
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << random.int(8));
        // What a flipped bit leaves whole, or what it makes of the stream, is explained or refused in our words.
        await explainFile(write(folder, spoilt)).catch((error: unknown) => {
          if (!MultifdError.is(error)) throw error;
        });
      }
    }
  });

  it('that holds more than may come out ends there, and zeros take no space', async () => {
    using folder = new TestFolder();
    const path = folder.file('bomb');
    const piece = gzipSync(Buffer.alloc(2 ** 25));
    writeFileSync(path, Buffer.concat(Array.from({ length: 4 }, () => piece)));
    const error = await refusal(() => unpack(path, 'gzip', 0, 2 ** 26));
    expect(error.message).toContain('it unpacks to more than 67108864 bytes');
    using whole = await unpack(path, 'gzip', 0, 2 ** 27);
    expect(whole.size).toBe(2 ** 27);
    expect(whole.allocated).toBe(0);
  });
});
