import { describe, expect, it } from 'vitest';
import { codecSettings, parseZlibLevel, parseZstdLevel } from '../../src/options/compression.js';
import { parseMachineType, parseUuid } from '../../src/options/identity.js';
import { checkAnnouncedRam, DEFAULT_MAX_RAM, parseMaxRam } from '../../src/options/max-ram.js';
import { parseSize, parseWhole } from '../../src/options/sizes.js';
import { parseSource } from '../../src/options/sources.js';
import { refusal } from '../helpers/refusal.js';

describe('sizes', () => {
  it.each([
    ['4096', 4096],
    ['4k', 4096],
    ['512K', 524_288],
    ['100M', 104_857_600],
    ['1.5G', 1_610_612_736],
    ['2GiB', 2_147_483_648],
    ['2T', 2_199_023_255_552],
    ['0', 0],
    ['10B', 10],
  ])('%s', (text, bytes) => expect(parseSize(text, 'x')).toBe(bytes));

  it.each(['', 'x', '-1', '1Q', '1e3', '1.3', '1 G', '9999999T', 'NaN', 'K', '1.', '0x10'])(
    'refuses %j',
    (text) => {
      expect(refusal(() => parseSize(text, '--max-bandwidth'))).toMatchObject({ code: 'usage' });
    },
  );

  it('whole numbers name their range', () => {
    expect(parseWhole('255', 'n', 1, 255)).toBe(255);
    expect(refusal(() => parseWhole('256', 'n', 1, 255)).message).toBe(
      'n must be a whole number from 1 to 255, got "256"',
    );
    for (const text of ['', '1.5', '-1', '1e2', 'x']) refusal(() => parseWhole(text, 'n', 0, 255));
  });
});

describe('the most RAM', () => {
  it('is a size that a guest could have', () => {
    expect(parseMaxRam('2T')).toBe(2 ** 41);
    for (const text of ['0', '1K', 'much']) expect(refusal(() => parseMaxRam(text)).code).toBe('usage');
  });

  it('holds for all blocks together', () => {
    const blocks = [
      { name: 'a', length: DEFAULT_MAX_RAM / 2 },
      { name: 'b', length: DEFAULT_MAX_RAM / 2 },
    ];
    checkAnnouncedRam(blocks, DEFAULT_MAX_RAM);
    const pebibyte = [{ name: 'a', length: 2 ** 50 }];
    for (const announced of [[...blocks, { name: 'c', length: 4096 }], pebibyte]) {
      expect(refusal(() => checkAnnouncedRam(announced, DEFAULT_MAX_RAM))).toMatchObject({
        code: 'incompatible',
        hint: expect.stringContaining('--max-ram'),
      });
    }
  });
});

describe('sources', () => {
  it('demo with everything', () => {
    expect(parseSource('demo:4G,zero=0.9,populate,dirty=64M,fill=text,seed=7')).toEqual({
      kind: 'demo',
      size: 2 ** 32,
      zero: 0.9,
      populate: true,
      dirty: 64 * 2 ** 20,
      fill: 'text',
      seed: 7,
      tracker: 'auto',
    });
  });

  it('demo alone has the documented defaults', () => {
    const defaults = {
      kind: 'demo',
      zero: 0.5,
      populate: false,
      dirty: 0,
      fill: 'random',
      seed: 1,
      tracker: 'auto',
    };
    expect(parseSource('demo:4K')).toEqual({ ...defaults, size: 4096 });
    expect(parseSource('demo')).toEqual({ ...defaults, size: 2 ** 30 });
  });

  it('raw and file keep the path as it is', () => {
    expect(parseSource('raw:a,b=c:d')).toEqual({ kind: 'raw', path: 'a,b=c:d' });
    expect(parseSource('file:raw:a')).toEqual({ kind: 'file', path: 'raw:a' });
  });

  it.each(['tcp:192.0.2.7:4444', 'unix:/run/a', 'loopback'])('%s is told to be a destination', (text) => {
    expect(refusal(() => parseSource(text))).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/that is a destination, which comes second$/),
      hint: `write what to send first: multifd migrate demo:1G ${text}`,
    });
  });

  it.each([
    'demo:3K',
    'demo:0',
    'demo:1G,zero=2',
    'demo:1G,zero=-1',
    'demo:1G,zero=',
    'demo:1G,zero=x',
    'demo:1G,zero',
    'demo:1G,populate=yes',
    'demo:1G,fill=zeros',
    'demo:1G,seed=-1',
    'demo:1G,seed=1,seed=2',
    'demo:1G,bogus',
    'demo:1G,',
    'demo:1G,backing=',
    'demo:1G,backing=hugetlbfs',
    'demo:1G,backing',
    'demo:1G,tracker=none',
    'demo:1G,tracker',
    'demo:99999T',
    'raw:',
    'file:',
    'file:a\0b',
    'nonsense',
    '',
  ])('refuses %j', (text) => {
    expect(refusal(() => parseSource(text))).toMatchObject({ code: 'usage' });
  });

  it('knows where a demo guest lives and how its writes are seen', () => {
    expect(parseSource('demo:1G')).toMatchObject({ tracker: 'auto' });
    expect(parseSource('demo:1G')).not.toHaveProperty('backing');
    expect(parseSource('demo:1G,backing=memfd,tracker=uffd')).toMatchObject({
      backing: 'memfd',
      tracker: 'uffd',
    });
  });
});

describe('identity and compression', () => {
  it('uuid with and without dashes', () => {
    const bytes = parseUuid('550e8400-e29b-41d4-a716-446655440000');
    expect(Buffer.from(bytes).toString('hex')).toBe('550e8400e29b41d4a716446655440000');
    expect(parseUuid('550E8400E29B41D4A716446655440000')).toEqual(bytes);
    for (const text of [
      '',
      '3',
      '550e8400-e29b-41d4-a716-44665544000g',
      '550e-8400e29b41d4a716446655440000',
    ]) {
      expect(refusal(() => parseUuid(text)).code).toBe('usage');
    }
  });

  it('machine types fit the configuration section', () => {
    expect(parseMachineType('pc-q35-9.2')).toBe('pc-q35-9.2');
    expect(refusal(() => parseMachineType('x'.repeat(256))).code).toBe('usage');
  });

  it('levels are in the ranges that QEMU has', () => {
    expect([parseZlibLevel('0'), parseZlibLevel('9'), parseZstdLevel('0'), parseZstdLevel('20')]).toEqual([
      0, 9, 0, 20,
    ]);
    for (const text of ['10', '-1', '1.5', 'fast', '']) {
      expect(refusal(() => parseZlibLevel(text))).toMatchObject({ code: 'usage' });
    }
    expect(refusal(() => parseZstdLevel('21')).message).toBe(
      '--multifd-zstd-level must be a whole number from 0 to 20, got "21"',
    );
  });

  it('a level that was not given is left to the method', () => {
    expect(codecSettings({}, { name: 'none', declared: [] })).toEqual({});
    // Of `auto` both count, whether both can run here or not.
    expect(
      codecSettings({ multifdZstdLevel: 0, multifdZlibLevel: 7 }, { name: 'auto', declared: [] }),
    ).toEqual({
      'multifd-zlib-level': 7,
      'multifd-zstd-level': 0,
    });
  });

  it('a level is for the method that has it', () => {
    const zlib = {
      name: 'zlib',
      declared: [{ name: 'multifd-zlib-level', least: 0, most: 9, usual: 1, help: '' }],
    };
    expect(codecSettings({ multifdZlibLevel: 5 }, zlib)).toEqual({ 'multifd-zlib-level': 5 });
    expect(refusal(() => codecSettings({ multifdZlibLevel: 5, multifdZstdLevel: 3 }, zlib))).toMatchObject({
      code: 'usage',
      message: '--multifd-zstd-level 3: the compression method is "zlib", which has no such level',
      hint: 'give --multifd-compression zstd (or auto) too, or leave the level out',
    });
    const none = { name: 'none', declared: [] };
    expect(refusal(() => codecSettings({ multifdZlibLevel: 5 }, none))).toMatchObject({ code: 'usage' });
  });

  it("a stranger's codec is set by what it declares, and by nothing else", () => {
    const declared = [{ name: 'brotli-quality', least: 0, most: 11, usual: 1, help: 'to 11, best' }];
    const given = (...multifdSetting: string[]) =>
      codecSettings({ multifdSetting }, { name: 'brotli', declared });
    expect(given('brotli-quality=5')).toEqual({ 'brotli-quality': 5 });
    expect(given('brotli-quality=5', 'brotli-quality=0')).toEqual({ 'brotli-quality': 0 });
    for (const text of [
      'brotli-quality',
      'brotli-quality=',
      'brotli-quality=12',
      'brotli-quality=1.5',
      '=1',
      '',
    ]) {
      expect(refusal(() => given(text))).toMatchObject({ code: 'usage' });
    }
    expect(refusal(() => given('quality=5'))).toMatchObject({
      message: '--multifd-setting "quality=5": the compression method has no such setting',
      hint: 'write NAME=VALUE; it has brotli-quality (0 to 11: to 11, best)',
    });
  });
});
