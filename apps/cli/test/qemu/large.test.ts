import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { Qemu } from '../../../../packages/qemu/test/support/qemu.js';
import { run, startReceive } from '../helpers/cli.js';
import { allocated } from '../helpers/images.js';
import { ENDED, listen, migrateTo } from './support/guests.js';

const MIB = 2 ** 20;
const SIZE = 16 * 1024 * MIB;

describe.runIf(installedQemus().includes('10.0'))('a guest of 16 GiB, mostly empty', () => {
  it("10.0 to file: to 10.0: neither the command's memory nor the file grows with it", async () => {
    using folder = new TestFolder();
    const ram = { name: 'pc.ram', size: SIZE, path: '', anonymous: true };
    const common = { release: '10.0', machine: 'q35', folder: folder.path, ram: [ram] } as const;
    await using source = await Qemu.start({ ...common, name: 'source' });
    const file = folder.file('guest.mig');
    const receiving = await startReceive([`file:${file}`, '--channels', '4', '--json']);
    await migrateTo({ qemu: source, ram }, receiving.address, { 'multifd-channels': 4 });
    const { code, stdout } = await receiving.ended;
    expect(code).toBe(0);
    const received = JSON.parse(stdout);
    await source.kill();

    await using target = await Qemu.start({ ...common, name: 'target', incoming: true });
    const address = await listen({ qemu: target, ram }, 4);
    const sent = await run(['migrate', `file:${file}`, address, '--channels', '4', '--json']);
    expect(sent).toMatchObject({ code: 0, stderr: '' });
    expect(await waitForMigration(target.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });

    const peaks = [received['peak-rss'].destination, JSON.parse(sent.stdout)['peak-rss'].source];
    const times = [received['total-time'], JSON.parse(sent.stdout)['total-time']];
    console.log(
      `received in ${times[0]} ms with at most ${Math.round(peaks[0] / MIB)} MiB resident, ` +
        `${allocated(file) / 1024} KiB on disk; sent in ${times[1]} ms with ${Math.round(peaks[1] / MIB)} MiB`,
    );
    expect(Math.max(...peaks)).toBeLessThan(400 * MIB);
    expect(allocated(file)).toBeLessThan(8 * MIB);
  });
});
