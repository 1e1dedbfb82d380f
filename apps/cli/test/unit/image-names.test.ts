import { describe, expect, it } from 'vitest';
import { blockOfImage, imageFileName } from '../../src/images/file-name.js';

describe('file names', () => {
  it.each(['pc.ram', '/rom@etc/acpi/tables', '0000:00:02.0/vga.vram', '.', '..', 'a b%2F', 'ä'])(
    '%s and back',
    (name) => {
      const file = imageFileName(name);
      expect(file).not.toContain('/');
      expect(blockOfImage(file)).toBe(name);
    },
  );

  it('a name that makes too long a file name is refused in one short line, and no other', () => {
    expect(imageFileName('a'.repeat(235))).toHaveLength(239);
    expect(imageFileName('a'.repeat(251))).toHaveLength(255);
    for (const name of ['a'.repeat(252), 'ä'.repeat(60), '/'.repeat(235)]) {
      expect(() => imageFileName(name)).toThrow(
        /^RAM block .{32}…: the name of its image would have \d+ bytes.*255/,
      );
    }
  });

  it('other files are no images', () => {
    expect(blockOfImage('.pc.ram.raw.partial-1')).toBeUndefined();
    expect(blockOfImage('notes.txt')).toBeUndefined();
    expect(() => blockOfImage('50%.raw')).toThrow(/50%.raw/);
  });
});
