import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, run, start, startReceive } from '../helpers/cli.js';
import { allocated, content, RAW_IS_QUIET, sameFiles, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;

/** A guest's RAM as it often is: mostly untouched, with data in clumps, and pages that were written with zeros. */
function image(path: string): void {
  writeSparse(path, 96 * MIB, [
    { at: 0, bytes: content(3 * MIB, 1) },
    { at: 40 * MIB + PAGE, bytes: content(PAGE, 2) },
    { at: 64 * MIB, bytes: new Uint8Array(MIB) },
    { at: 96 * MIB - 1, bytes: Uint8Array.of(1) },
  ]);
}

describe('raw images', () => {
  it('arrive identical, and as sparse as they were', async () => {
    const directory = tempDirectory();
    const source = join(directory, 'guest.ram');
    image(source);
    const target = join(directory, 'out');
    const destination = await startReceive([`raw:${target}`, '--json']);
    const ended = await run(['migrate', `raw:${source}`, destination.address, '--verify', '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: RAW_IS_QUIET });
    expect(JSON.parse(ended.stdout)).toMatchObject({
      verified: true,
      verification: { blocks: 1, bytes: 96 * MIB },
      guest: { state: 'at rest' },
    });
    const { code, stdout } = await destination.ended;
    expect(code).toBe(0);
    const arrived = join(target, 'pc.ram.raw');
    expect(JSON.parse(stdout)).toMatchObject({ images: [arrived], ram: { normal: 3 * 256 + 2 } });
    expect(readdirSync(target).sort()).toEqual(['multifd.json', 'pc.ram.raw']);
    expect(sameFiles(source, arrived)).toBe(true);
    // Pages that held zeros on the disk have become holes.
    expect(allocated(arrived)).toBeLessThan(allocated(source));
  });

  it.each(['none', 'legacy', 'multifd'])('with zero-page-detection %s, over loopback', async (mode) => {
    const source = join(tempDirectory(), 'guest.ram');
    image(source);
    const ended = await run(['migrate', `raw:${source}`, '--zero-page-detection', mode, '--json']);
    expect(ended).toMatchObject({ code: 0, stderr: RAW_IS_QUIET });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', verified: true });
  });

  it('go there and back again with all their blocks', async () => {
    const directory = tempDirectory();
    const first = join(directory, 'first');
    const second = join(directory, 'second');
    const there = await startReceive([`raw:${first}`]);
    expect((await run(['migrate', 'demo:16M,dirty=8M', there.address])).code).toBe(0);
    expect((await there.ended).code).toBe(0);
    const names = ['%2From%40etc%2Facpi%2Ftables.raw', 'pc.ram.raw'];
    expect(readdirSync(first).sort()).toEqual([...names, 'multifd.json'].sort());

    const back = await startReceive([`raw:${second}`, '--channels', '3']);
    const ended = await run(['migrate', `raw:${first}`, back.address, '--channels', '3', '--verify']);
    expect(ended.stdout).toContain('verified: 2 blocks');
    expect((await back.ended).code).toBe(0);
    for (const name of names) expect(sameFiles(join(first, name), join(second, name))).toBe(true);
  });

  it('are not replaced unless that is asked for', async () => {
    const directory = tempDirectory();
    const target = join(directory, 'pc.ram.raw');
    writeFileSync(target, 'precious');
    const { code, stdout, stderr } = await run(['receive', 'tcp:127.0.0.1:0', `raw:${directory}`, '--json']);
    expect(code).toBe(2);
    // Before it listens.
    expect(stderr).toMatch(/^multifd: raw:.+: a guest is already there \(pc\.ram\.raw\)\nhint: .+--force\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', hint: expect.stringContaining('--force') });
    expect(readdirSync(directory)).toEqual(['pc.ram.raw']);

    const replacing = await startReceive([`raw:${directory}`, '--force']);
    expect((await run(['migrate', 'demo:4M', replacing.address])).code).toBe(0);
    expect((await replacing.ended).code).toBe(0);
    expect(allocated(target)).toBeGreaterThan(MIB);
    // Nothing is left of the replaced one.
    expect(readdirSync(directory).sort()).toEqual([
      '%2From%40etc%2Facpi%2Ftables.raw',
      'multifd.json',
      'pc.ram.raw',
    ]);
  });

  it('that do not fit leave a clear error on both sides, and nothing on the disk', async () => {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`], { limitFileSize: 1024 });
    const source = await run(['migrate', 'demo:16M', destination.address]);
    expect(source.code).toBe(1);
    expect(source.stderr).toMatch(/^multifd: .+\n(hint: .+\n)?$/);
    const { code, stderr } = await destination.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/pc\.ram.*EFBIG/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('of an interrupted migration do not stay', async () => {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const source = start(['migrate', 'demo:64M', destination.address, '--max-bandwidth', '4M']);
    await eventually('the image is begun', () => readdirSync(directory).length > 0);
    expect(existsSync(join(directory, 'pc.ram.raw'))).toBe(false);
    destination.child.kill('SIGINT');
    expect((await destination.ended).code).toBe(130);
    expect(readdirSync(directory)).toEqual([]);
    expect(await source.ended).toMatchObject({ code: 1, stdout: '' });
  });

  it('cannot go where there is no directory to be made', async () => {
    const file = join(tempDirectory(), 'file');
    writeFileSync(file, '');
    const ended = await run(['receive', 'tcp::0', `raw:${file}/below`]);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^multifd: raw:.+ is not a directory\nhint: .+\n$/);
  });
});
