import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { stop, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { run, startReceive } from '../helpers/cli.js';
import { listen, migrateTo, startSource, startTarget } from './support/guests.js';

/** Bytes of a packet's header with 4 KiB pages (docs/wire.md, 4.2): what a packet more costs. */
const HEADER = 1344;

/**
 * One resting guest from a QEMU to a QEMU, to us, and from us to us: numbers of one name mean one thing (apps/cli/README.md).
 * With `wire` `qemu` a page costs us as many bytes as it does QEMU.
 */
describe.runIf(installedQemus().includes('10.0'))("numbers under QEMU's names", () => {
  it.each([
    [1, 'multifd'],
    [4, 'qemu'],
  ])('10.0 and we, %i channels', async (channels, wire) => {
    using folder = new TestFolder();
    const source = await startSource({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    await stop(source.qemu.qmp);
    const target = await startTarget({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _target = target.qemu;
    await migrateTo(source, await listen(target, channels), { 'multifd-channels': channels });
    await waitForMigration(source.qemu.qmp, ['completed'], 30_000);
    const { ram: between } = JSON.parse(JSON.stringify(await source.qemu.qmp.execute('query-migrate')));
    const images = folder.file('images');
    const count = ['--channels', `${channels}`];
    const storing = await startReceive([`raw:${images}`, '--json', ...count]);
    await migrateTo(target, storing.address, { 'multifd-channels': channels });
    const stored = await storing.ended;
    expect(stored.code).toBe(0);
    await waitForMigration(target.qemu.qmp, ['completed'], 30_000);
    // All that QEMU says, as it says it.
    const { ram: theirs } = JSON.parse(JSON.stringify(await target.qemu.qmp.execute('query-migrate')));
    const received = JSON.parse(stored.stdout).ram;

    const receiving = await startReceive(['--json', ...count]);
    const sent = await run([
      'migrate',
      `raw:${images}`,
      receiving.address,
      '--json',
      '--wire',
      wire,
      ...count,
    ]);
    expect(sent.code).toBe(0);
    const ours = JSON.parse(sent.stdout).ram;
    const arrived = JSON.parse((await receiving.ended).stdout).ram;

    for (const name of ['total', 'remaining', 'normal', 'normal-bytes', 'duplicate', 'page-size'] as const) {
      expect([name, ours[name], between[name]]).toEqual([name, theirs[name], theirs[name]]);
    }
    expect(Object.keys(theirs).filter((name) => !Object.hasOwn(ours, name))).toEqual([]);
    expect(ours['precopy-bytes'] + ours['downtime-bytes'] + ours['multifd-bytes']).toBe(ours.transferred);
    expect(theirs['dirty-pages-rate'] ?? 0).toBe(0);
    expect(ours['dirty-pages-rate']).toBe(0);
    // Every byte of the channels, introductions and headers too; and of all connections.
    expect(theirs['multifd-bytes']).toBe(received['multifd-bytes']);
    expect(theirs.transferred).toBe(received.received);
    expect(ours['multifd-bytes']).toBe(arrived['multifd-bytes']);
    expect(ours.transferred).toBe(arrived.received);
    // Who gets which page is chance, and with it how many packets are not full; runs of zero pages save us the others.
    const more = ours['multifd-bytes'] - between['multifd-bytes'];
    if (wire === 'qemu') expect([more % HEADER, Math.abs(more) <= 8 * HEADER]).toEqual([0, true]);
    else expect(more).toBeLessThanOrEqual(HEADER);
    // Setup, one or two looks while it would run, and the last: QEMU leaves one out when nothing is dirty.
    for (const { 'dirty-sync-count': syncs } of [theirs, between]) expect([2, 3]).toContain(syncs);
    expect(ours['dirty-sync-count']).toBe(3);
  });
});
