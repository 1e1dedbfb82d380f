import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, startReceive } from '../helpers/cli.js';
import { content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;

function image(): string {
  const path = join(tempDirectory(), 'pc.ram.raw');
  writeSparse(path, MIB, [{ at: 8192, bytes: content(4096, 1) }]);
  return path;
}

/** Sends images to a `receive` with these options. @returns the directory that it wrote. */
async function move(from: string, there: readonly string[], here: readonly string[]): Promise<string> {
  const directory = join(tempDirectory(), 'images');
  const receiving = await startReceive([`raw:${directory}`, ...there]);
  const sent = await run(['migrate', `raw:${from}`, receiving.address, ...here, '--json']);
  expect(sent.code, sent.stderr).toBe(0);
  expect((await receiving.ended).code).toBe(0);
  return directory;
}

describe('what a directory knows of its guest beside its memory', () => {
  const MACHINE = 'pc-q35-10.0';
  const UUID = '550e8400-e29b-41d4-a716-446655440000';
  const knownOf = (directory: string) => {
    const { 'machine-type': machineType, uuid } = JSON.parse(
      readFileSync(join(directory, 'multifd.json'), 'utf8'),
    );
    return { machineType, uuid };
  };

  it('goes along to the next one, and from there', async () => {
    const first = await move(image(), ['--uuid', UUID], ['--machine-type', MACHINE, '--uuid', UUID]);
    expect(knownOf(first)).toEqual({ machineType: MACHINE, uuid: UUID });
    const second = await move(first, ['--uuid', UUID, '--machine-type', MACHINE], []);
    expect(knownOf(second)).toEqual({ machineType: MACHINE, uuid: UUID });
    expect((await run(['migrate', `raw:${second}`, '--json'])).code).toBe(0);
    const other = ['--machine-type', 'none', '--uuid', '00000000-0000-0000-0000-000000000000'];
    expect(knownOf(await move(second, [], other))).toEqual({ machineType: 'none', uuid: null });
  });

  it('that its device state was dropped: whoever sends it is warned', async () => {
    const directory = join(tempDirectory(), 'images');
    const receiving = await startReceive([`raw:${directory}`]);
    expect((await run(['migrate', 'demo:4M,dirty=1M', receiving.address])).code).toBe(0);
    expect((await receiving.ended).stderr).toContain('device state, which is dropped');
    const sent = await run(['migrate', `raw:${directory}`, '--json']);
    expect(sent.code, sent.stderr).toBe(0);
    expect(sent.stderr).toMatch(
      /^multifd: warning: raw:\S+ has the RAM of a guest whose device state was dropped .*reset\n/,
    );
    // A guest that had none: nothing is said.
    const other = await move(image(), [], []);
    expect((await run(['migrate', `raw:${other}`, '--json'])).stderr).not.toContain('device state');
  });

  it.each([
    ['machine-type', ''],
    ['machine-type', 'x'.repeat(256)],
    ['uuid', 'mine'],
    ['device-state', 'kept'],
  ])('is read as carefully as the rest: %s %o', async (member, value) => {
    const directory = await move(image(), [], []);
    const path = join(directory, 'multifd.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), [member]: value }));
    const refused = await run(['migrate', `raw:${directory}`, '--json']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /multifd\.json does not describe a guest's images: it is not as multifd writes it/,
    );
  });
});
