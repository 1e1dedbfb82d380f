import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { allocateGuestRam, openRamBlockSync } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { compareDigests, differenceError } from '../../src/verify/compare.js';
import { type BlockDigest, digestBlock } from '../../src/verify/digest.js';
import { decodePeerReport, encodePeerReport } from '../../src/verify/peer-report.js';
import { content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const LENGTH = 600 * PAGE;

/** A block of 600 pages with content where `pieces` say. */
function block(pieces: readonly { at: number; bytes: Uint8Array }[], name = 'pc.ram') {
  const opened = openRamBlockSync(allocateGuestRam([{ name, length: LENGTH }]).blocks[0] ?? raise());
  for (const { at, bytes } of pieces) opened.write(at, bytes);
  return opened;
}

function raise(): never {
  throw new Error('no block');
}

/** The definition, written down once more without any cleverness. */
function plainDigest(name: string, memory: Buffer): string {
  const hash = createHash('sha256').update(name).update(Buffer.of(0));
  const word = (value: number) => hash.update(Buffer.from(BigUint64Array.of(BigInt(value)).buffer));
  word(memory.length);
  for (let page = 0; page < memory.length / PAGE; page++) {
    const bytes = memory.subarray(page * PAGE, (page + 1) * PAGE);
    if (bytes.some((byte) => byte !== 0)) word(page) && hash.update(bytes);
  }
  return hash.digest('hex');
}

describe('the digest', () => {
  const pieces = [
    { at: 0, bytes: content(3 * PAGE, 1) },
    { at: 255 * PAGE + 4095, bytes: content(2, 2) },
    { at: LENGTH - 1, bytes: Uint8Array.of(1) },
  ];

  it('is what its definition says', () => {
    const memory = Buffer.alloc(LENGTH);
    for (const { at, bytes } of pieces) memory.set(bytes, at);
    expect(digestBlock(block(pieces), PAGE).sha256).toBe(plainDigest('pc.ram', memory));
  });

  it('does not see whether a zero page was ever touched', () => {
    const touched = block(pieces);
    touched.write(300 * PAGE, new Uint8Array(PAGE));
    expect(digestBlock(touched, PAGE)).toEqual(digestBlock(block(pieces), PAGE));
  });

  it('sees one bit anywhere, and a page that moved', () => {
    const whole = digestBlock(block(pieces), PAGE).sha256;
    for (const at of [0, 5 * PAGE, 256 * PAGE - 1, 300 * PAGE + 2048, LENGTH - 1]) {
      const changed = block(pieces);
      const [byte = 0] = changed.read(at, 1, new Uint8Array(1));
      changed.write(at, Uint8Array.of(byte ^ 0x80));
      expect(digestBlock(changed, PAGE).sha256).not.toBe(whole);
    }
    const page = content(PAGE, 5);
    const here = digestBlock(block([{ at: 0, bytes: page }]), PAGE);
    expect(digestBlock(block([{ at: PAGE, bytes: page }]), PAGE)).not.toEqual(here);
    expect(digestBlock(block([{ at: 0, bytes: page }], 'other'), PAGE).sha256).not.toBe(here.sha256);
  });

  it('is the same for an image, with and without its holes known', () => {
    const path = join(tempDirectory(), 'image');
    writeSparse(path, LENGTH, pieces);
    const file = { kind: 'file', name: 'pc.ram', length: LENGTH, path, writable: false } as const;
    const extents = Float64Array.of(0, 3 * PAGE, 255 * PAGE, 257 * PAGE, LENGTH - PAGE, LENGTH);
    for (const descriptor of [file, { ...file, extents }]) {
      const image = openRamBlockSync(descriptor);
      expect(digestBlock(image, PAGE)).toEqual(digestBlock(block(pieces), PAGE));
      image.close();
    }
  });
});

describe('comparing', () => {
  const digest = (name: string, sha256 = 'a', length = PAGE): BlockDigest => ({ name, length, sha256 });

  it('says how much was compared, in any order', () => {
    const verification = compareDigests([digest('a'), digest('b')], [digest('b'), digest('a')]);
    expect(verification).toEqual({ algorithm: 'sha256', blocks: 2, bytes: 2 * PAGE, differences: [] });
    expect(differenceError(verification)).toBeUndefined();
  });

  it.each([
    [[digest('a', 'x')], 'RAM block a differs'],
    [[digest('a', 'a', 8192)], 'RAM block a has 4096 bytes here and 8192 at the destination'],
    [[], 'RAM block a is missing at the destination'],
    [[digest('a'), digest('b')], 'RAM block b is at the destination only'],
  ])('names the block %#', (theirs, message) => {
    expect(differenceError(compareDigests([digest('a')], theirs))?.message).toBe(`not verified: ${message}`);
  });
});

describe("the destination's report", () => {
  const blocks = [{ name: 'pc.ram', length: PAGE, sha256: 'ab' }];

  it('comes back as it went', () => {
    for (const report of [
      { cpuTime: 1.5, peakRss: 2, blocks },
      { cpuTime: 0, peakRss: 0, blocks: undefined },
    ]) {
      expect(decodePeerReport(encodePeerReport(report))).toEqual(report);
    }
  });

  it('leaves the digests out when they do not fit', () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({
      name: `block-${index}`,
      length: 1,
      sha256: 'f'.repeat(64),
    }));
    const bytes = encodePeerReport({ cpuTime: 1, peakRss: 2, blocks: many });
    expect(bytes.length).toBeLessThanOrEqual(65_535);
    expect(decodePeerReport(bytes).blocks).toBeUndefined();
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"format":2}',
    '{"format":1}',
    '{"format":1,"cpu-time":1,"peak-rss":1,"blocks":[1]}',
  ])('refuses %j', (text) =>
    expect(() => decodePeerReport(Buffer.from(text))).toThrow(/report is not understood/),
  );

  it('passes on why the destination could not report', () => {
    expect(() => decodePeerReport(Buffer.from('{"error":"disk full"}'))).toThrow(
      /could not report: disk full/,
    );
  });
});
