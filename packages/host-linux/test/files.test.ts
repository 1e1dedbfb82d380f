import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadFiles } from '../src/index.js';
import { built } from './support/addon.js';

const paths: string[] = [];
afterEach(() => {
  for (const path of paths.splice(0)) rmSync(path, { force: true });
});

function file(name: string, text = ''): string {
  const path = join(tmpdir(), `host-linux-files-${process.pid}-${name}`);
  writeFileSync(path, text);
  paths.push(path);
  return path;
}

describe.skipIf(!built)('files', () => {
  const files = loadFiles();
  if (!('nextData' in files)) return;

  it('finds data and holes', () => {
    const fd = openSync(file('sparse'), 'r+');
    ftruncateSync(fd, 2 ** 20);
    writeSync(fd, new Uint8Array(4096).fill(1), 0, 4096, 2 ** 19);
    const data = files.nextData(fd, 0);
    expect(data).toBeLessThanOrEqual(2 ** 19);
    const hole = files.nextHole(fd, data ?? 0);
    expect(hole).toBeGreaterThanOrEqual(2 ** 19 + 4096);
    expect(files.nextData(fd, 2 ** 21)).toBeUndefined();
    expect(files.nextHole(fd, 2 ** 21)).toBe(2 ** 21);
    closeSync(fd);
    expect(() => files.nextData(fd, 0)).toThrow(expect.objectContaining({ code: 'io' }));
  });

  it('tells whether somebody has a file open for writing', () => {
    const path = file('writers', 'text');
    const fd = openSync(path, 'r');
    const before = files.isOpenForWriting(fd);
    const writer = openSync(path, 'r+');
    const during = files.isOpenForWriting(fd);
    closeSync(writer);
    // On a file system without leases it cannot be told, at no moment.
    expect([before, during, files.isOpenForWriting(fd)]).toEqual(
      before === undefined ? [undefined, undefined, undefined] : [false, true, false],
    );
    closeSync(fd);
    expect(files.isOpenForWriting(fd)).toBeUndefined();
  });

  it('swaps two names, or says that it cannot', () => {
    const [a, b] = [file('a', 'first'), file('b', 'second')];
    const swapped = files.exchangeNames(a, b);
    expect(readFileSync(a, 'utf8')).toBe(swapped ? 'second' : 'first');
    expect(readFileSync(b, 'utf8')).toBe(swapped ? 'first' : 'second');
    expect(() => files.exchangeNames(a, `${b}-none`)).toThrow(
      expect.objectContaining({ code: 'io', message: expect.stringContaining('cannot exchange') }),
    );
  });
});
