import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { explainFile, inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { formatOf, openStream } from '../../src/stream/guest.js';
import { FORMATS, refusal, skippable, write } from '../support/container.js';
import { TestFolder } from '../support/folder.js';
import { libvirtFront } from '../support/libvirt.js';

const STREAM = gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', '10.0-q35.stream.gz')));

describe('what is packed is named, with what to do', () => {
  const image = (format: keyof typeof FORMATS) => Buffer.concat([libvirtFront(FORMATS[format]), STREAM]);

  it.each([
    ['gzip', gzipSync(image('raw'))],
    ['zstd', zstdCompressSync(image('raw'))],
    ['zstd', Buffer.concat([skippable(3), zstdCompressSync(image('raw'))])],
  ] as const)(
    'a save image of libvirt, by %s: for whoever sends it, or reads its pages',
    async (name, bytes) => {
      using folder = new TestFolder();
      const path = write(folder, bytes);
      for (const [call, hint] of [
        [() => openMappedRam(path), /^unpack it first: \w+ -dc .+ > guest\.mig \(.+ sparse .+--image-format/],
        [() => openStream(path), /^unpack it first: \w+ -dc .+ > guest\.mig$/],
        [() => formatOf(path), /^unpack it first/],
        [() => inspectFile(path), /^unpack it first/],
      ] as const) {
        const error = await refusal(call);
        expect(error).toMatchObject({ code: 'usage', hint: expect.stringMatching(hint) });
        expect(error.message).toContain(
          `a ${name} file with a save image of libvirt in it: pages cannot be read`,
        );
      }
    },
  );

  it('an ELF file: unpacked it is of no use either', async () => {
    using folder = new TestFolder();
    const path = write(folder, gzipSync(Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(9000, 1)])));
    for (const call of [() => openMappedRam(path), () => explainFile(path)]) {
      const error = await refusal(call);
      expect(error.message).toContain('an ELF file');
      expect(error.hint).toContain('has no devices');
    }
  });

  it.each([
    [
      'a gzip file once more',
      gzipSync(gzipSync(STREAM)),
      /^unpack it first: gzip -dc \S+ \| gzip -dc > guest\.mig$/,
    ],
    ['a bzip2 file', gzipSync('BZh91AY whatever comes then'), /: gzip -dc \S+ \| bzip2 -dc >/],
    [
      'a save image of libvirt, packed with xz',
      zstdCompressSync(Buffer.concat([libvirtFront(FORMATS.xz), Buffer.from('xz')])),
      /: zstd -dc \S+ \| tail -c \+70093 \| xz -dc > guest\.mig$/,
    ],
    [
      'a save image of libvirt, packed with gzip',
      gzipSync(Buffer.concat([libvirtFront(FORMATS.gzip), gzipSync(STREAM)])),
      /: gzip -dc \S+ \| tail -c \+70093 \| gzip -dc > guest\.mig$/,
    ],
  ])('what is unpacked, where that is %s', async (what, bytes, hint) => {
    using folder = new TestFolder();
    const error = await refusal(() => explainFile(write(folder, bytes)));
    expect(error).toMatchObject({ code: 'usage', hint: expect.stringMatching(hint) });
    expect(error.message).toContain(`(unpacked): ${what}`);
  });

  it("libvirt's own packing", async () => {
    using folder = new TestFolder();
    const path = write(folder, libvirtFront(FORMATS.gzip), gzipSync(STREAM));
    const error = await refusal(() => openMappedRam(path));
    expect(error.message).toContain(
      'a save image of libvirt, packed with gzip: pages cannot be read from it',
    );
    expect(error.hint).toContain('--image-format sparse');
  });

  it('what gives too much, or nothing, is named by its packer alone', async () => {
    using folder = new TestFolder();
    for (const bytes of [
      zstdCompressSync(Buffer.alloc(2 ** 27)),
      gzipSync(''),
      gzipSync(STREAM).subarray(0, 12),
    ]) {
      const { message } = await refusal(() => openMappedRam(write(folder, bytes)));
      expect(message).toMatch(/: a (gzip|zstd) file: pages/);
    }
  });

  it.each([
    ['alone', [skippable(9)]],
    ['that is cut', [skippable(200).subarray(0, 50)]],
    ['and what is no frame', [skippable(1), Buffer.alloc(400, 1)]],
    ['and more of them than anybody writes', Array.from({ length: 5000 }, () => skippable(0))],
  ] as const)('a skippable frame %s', async (_, parts) => {
    using folder = new TestFolder();
    const path = write(folder, ...parts);
    for (const call of [() => openMappedRam(path), () => explainFile(path)]) {
      const error = await refusal(call);
      expect(error).toMatchObject({ code: 'usage', hint: expect.stringContaining('zstd -l') });
      expect(error.message).toContain('a file of zstd or lz4 without a frame that has something in it');
    }
  });

  it('an lz4 file that begins so', async () => {
    using folder = new TestFolder();
    const path = write(folder, skippable(1), Uint8Array.of(4, 0x22, 0x4d, 0x18), 'whatever it is');
    expect((await refusal(() => explainFile(path))).hint).toMatch(/lz4 -dc/);
  });
});
