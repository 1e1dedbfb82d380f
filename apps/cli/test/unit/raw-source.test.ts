import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageFileName } from '../../src/images/file-name.js';
import { findFile } from '../../src/images/file-source.js';
import { openRawSource } from '../../src/images/raw-source.js';
import { writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;

function never(line: string): void {
  throw new Error(line);
}

describe('a raw source', () => {
  it('is one block, or one for each image of a directory', async () => {
    const directory = tempDirectory();
    const file = join(directory, imageFileName('/rom'));
    writeSparse(file, MIB, []);
    writeSparse(join(directory, 'pc.ram.raw'), 2 * MIB, []);
    writeFileSync(join(directory, '.pc.ram.raw.partial-7'), 'x');
    const { blocks: one } = await openRawSource(file, () => {});
    expect(one.map(({ name, length }) => [name, length])).toEqual([['pc.ram', MIB]]);
    const { blocks: all } = await openRawSource(directory, () => {});
    expect(all.map(({ name, length }) => [name, length])).toEqual([
      ['/rom', MIB],
      ['pc.ram', 2 * MIB],
    ]);
  });

  it('says what is wrong with a path or a size', async () => {
    const directory = tempDirectory();
    const odd = join(directory, 'odd');
    writeFileSync(odd, 'x'.repeat(5000));
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      code: 'usage',
      // No command that writes to what may be the only copy.
      hint: expect.stringMatching(/^a RAM image .* with zeros to 8192 bytes: do that to a copy$/),
    });
    writeFileSync(odd, `QEVM${'x'.repeat(5000)}`);
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      message: expect.stringMatching(/5004 bytes are not .* begins like a migration stream$/),
      hint: `a RAM image has whole pages only; send it as file:${odd}`,
    });
    writeFileSync(odd, Uint8Array.of(0x1f, 0x8b, 1));
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      message: expect.stringMatching(/begins like a gzip file$/),
      hint: 'a RAM image has whole pages only; name a RAM image',
    });
    writeFileSync(odd, '');
    await expect(openRawSource(odd, never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(join(directory, 'none'), never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(directory, never)).rejects.toMatchObject({ code: 'usage' });
  });
});

it('a directory of images where a migration file is wanted is told apart from any other', () => {
  const directory = tempDirectory();
  expect(() => findFile(directory)).toThrow(/not a regular file/);
  writeFileSync(join(directory, 'multifd.json'), '{}');
  expect(() => findFile(directory)).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: `${directory}: a directory with RAM images, and no migration file`,
      hint: expect.stringContaining(`multifd migrate raw:${directory}`),
    }),
  );
});
