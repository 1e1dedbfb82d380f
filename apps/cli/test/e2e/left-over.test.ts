import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, run, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** A receive to `target` that was killed while a guest came. */
async function killed(directory: string, target: string): Promise<void> {
  const receiving = await startReceive([target]);
  const source = start(['migrate', 'demo:64M', receiving.address, '--max-bandwidth', '4M']);
  await eventually('a file is begun', () => readdirSync(directory).length > 0);
  receiving.child.kill('SIGKILL');
  await Promise.all([receiving.ended, source.ended]);
}

describe('what a killed receive has left is told by the next one to the same place, and stays', () => {
  it.each(['file', 'raw'] as const)('%s', async (kind) => {
    const directory = tempDirectory();
    const target = kind === 'file' ? `file:${join(directory, 'guest.mig')}` : `raw:${directory}`;
    await killed(directory, target);
    const left = readdirSync(directory).sort();
    for (const name of left) expect(name).toMatch(/^\..+\.partial-[0-9a-f]{16}$/);
    const receiving = await startReceive([target]);
    expect((await run(['migrate', 'demo:4M', receiving.address])).code).toBe(0);
    const { code, stderr } = await receiving.ended;
    expect(code).toBe(0);
    const lines = stderr.split('\n').filter((line) => line.includes('unfinished'));
    expect(lines).toEqual(left.map((name) => expect.stringContaining(`${name} (`)));
    // Killed right behind its making, it has 0 B.
    for (const line of lines)
      expect(line).toMatch(/\(.+B, .+ on the disk\) is there: .*none runs, remove it$/);
    for (const name of left) expect(existsSync(join(directory, name))).toBe(true);
  });

  it('what was being replaced may be a guest: nobody says that it can be removed', async () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, '.guest.mig.replaced-0123456789abcdef'), 'precious');
    const receiving = await startReceive([`file:${join(directory, 'guest.mig')}`]);
    const line = await receiving.says(/^multifd: (.+replaced-0123456789abcdef .+)$/m);
    expect(line).toMatch(/the only copy of that guest: look at it .* before you remove it$/);
  });

  it('what belongs to another name is not told', async () => {
    const directory = tempDirectory();
    for (const name of [
      '.other.mig.partial-0123456789abcdef',
      '.guest.mig.partial-0123',
      'guest.mig.partial',
    ])
      writeFileSync(join(directory, name), 'else');
    const receiving = await startReceive([`file:${join(directory, 'guest.mig')}`]);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).stderr).not.toMatch(/partial/);
  });
});
