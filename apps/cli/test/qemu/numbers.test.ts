import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { stop, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { run, startReceive } from '../helpers/cli.js';
import { migrateTo, startSource } from './support/guests.js';

/** One resting guest, sent once by QEMU and once by us: numbers of one name mean one thing (apps/cli/README.md). */
describe.runIf(installedQemus().includes('10.0'))("numbers under QEMU's names", () => {
  it.each([1, 4])('10.0 and we, %i channels', async (channels) => {
    using folder = new TestFolder();
    const source = await startSource({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    await stop(source.qemu.qmp);
    const images = folder.file('images');
    const count = ['--channels', `${channels}`];
    const storing = await startReceive([`raw:${images}`, '--json', ...count]);
    await migrateTo(source, storing.address, { 'multifd-channels': channels });
    const stored = await storing.ended;
    expect(stored.code).toBe(0);
    await waitForMigration(source.qemu.qmp, ['completed'], 30_000);
    // All that QEMU says, as it says it.
    const { ram: theirs } = JSON.parse(JSON.stringify(await source.qemu.qmp.execute('query-migrate')));
    const received = JSON.parse(stored.stdout).ram;

    const receiving = await startReceive(['--json', ...count]);
    const sent = await run(['migrate', `raw:${images}`, receiving.address, '--json', ...count]);
    expect(sent.code).toBe(0);
    const ours = JSON.parse(sent.stdout).ram;
    const arrived = JSON.parse((await receiving.ended).stdout).ram;

    for (const name of ['total', 'remaining', 'normal', 'normal-bytes', 'duplicate', 'page-size'] as const) {
      expect([name, ours[name]]).toEqual([name, theirs[name]]);
    }
    expect(theirs['dirty-pages-rate'] ?? 0).toBe(0);
    expect(ours['dirty-pages-rate']).toBe(0);
    // Every byte of the channels, introductions and headers too; and of all connections.
    expect(theirs['multifd-bytes']).toBe(received['multifd-bytes']);
    expect(theirs.transferred).toBe(received.received);
    expect(ours['multifd-bytes']).toBe(arrived['multifd-bytes']);
    expect(ours.transferred).toBe(arrived.received);
    // Setup, one or two looks while it would run, and the last: QEMU leaves one out when nothing is dirty.
    expect([2, 3]).toContain(theirs['dirty-sync-count']);
    expect(ours['dirty-sync-count']).toBe(3);
  });
});
