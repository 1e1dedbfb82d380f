import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually, isAlive, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';
import { endsSoon, loopbackConnected, SLOW } from '../helpers/under-way.js';

const onLinux = process.platform === 'linux';

describe('a process dies', () => {
  /** Both processes, once the destination has made room for the guest. */
  async function underWay() {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const source = start(['migrate', ...SLOW, destination.address]);
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    return { directory, destination, source };
  }

  it('the destination: the source fails within seconds with a clear line', async () => {
    const { directory, destination, source } = await underWay();
    destination.child.kill('SIGKILL');
    const { code, stdout, stderr } = await endsSoon(source.ended);
    // What it could not remove is not to be taken for an image.
    expect(readdirSync(directory).every((name) => /^\..+\.raw\.partial-/.test(name))).toBe(true);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', guest: { state: 'runs' } });
    expect(stderr).toMatch(/^multifd: .+\n(hint: .+\n)?$/);
  });

  it('the source: the destination fails within seconds with a clear line, and nothing stays', async () => {
    const { directory, destination, source } = await underWay();
    source.child.kill('SIGKILL');
    const { code, stdout, stderr } = await endsSoon(destination.ended);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    // Nobody here can see whether it still runs: the guest may be gone with it.
    expect(stderr).toMatch(
      /^multifd: listening on .+\nmultifd: .+\nhint: .*it is at its source, if that still runs\n$/,
    );
    expect(stderr).not.toMatch(/intact/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('the source of a relay: nor can the relay, or its destination', async () => {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const relay = start(['relay', 'tcp:127.0.0.1:0', destination.address, '--json']);
    const source = start(['migrate', ...SLOW, await relay.says(/listening on (tcp:\S+)/)]);
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    source.child.kill('SIGKILL');
    const ended = await endsSoon(relay.ended);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    for (const { stderr } of [ended, await endsSoon(destination.ended)]) {
      expect(stderr).toMatch(/hint: .*it is at its source, if that still runs\n$/);
      expect(stderr).not.toMatch(/intact/);
    }
  });

  it.runIf(onLinux)('the loopback destination: it is named, once, and so is where the guest is', async () => {
    const source = start(['migrate', ...SLOW]);
    process.kill(await loopbackConnected(source.child), 'SIGKILL');
    const { code, stderr } = await endsSoon(source.ended);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^multifd: the loopback destination was ended by SIGKILL \((?!.*SIGKILL).+\)\nhint: the guest is intact here\n$/,
    );
  });

  it.runIf(onLinux)('the source of a loopback: its destination does not stay behind', async () => {
    const source = start(['migrate', ...SLOW]);
    const destination = await loopbackConnected(source.child);
    source.child.kill('SIGKILL');
    await source.ended;
    await eventually('the destination ends', () => !isAlive(destination));
  });
});
