import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import {
  humanMonitorCommand,
  migrateIncoming,
  setCapabilities,
  waitForMigration,
} from '../../../../packages/qemu/test/support/monitor.js';
import { firstDifference } from '../../../../packages/qemu/test/support/ram-files.js';
import { run, startReceive } from '../helpers/cli.js';
import {
  ENDED,
  expectCountGoesOn,
  expectSameRam,
  type Guest,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';
import { both, type Case, store } from './support/stored.js';

const here = installedQemus();

const SENT: readonly (Case & { readonly options: string })[] = [
  { from: '10.0', to: '10.0', machine: 'q35', channels: 2, detection: 'multifd', options: '' },
  { from: '10.0', to: '10.0', machine: 'pc', channels: 4, detection: 'legacy', options: '' },
  {
    from: '10.0',
    to: '10.0',
    machine: 'q35',
    channels: 1,
    detection: 'none',
    options: '--zero-page-detection none',
  },
  { from: '10.0', to: '10.0', machine: 'q35', channels: 16, options: '--zero-page-detection legacy' },
  { from: '7.2', to: '7.2', machine: 'q35', channels: 2, options: '' },
  { from: '7.2', to: '7.2', machine: 'pc', channels: 4, options: '--machine-compat 7.2' },
  { from: '7.2', to: '10.0', machine: 'pc-q35-7.2', channels: 2, options: '--machine-compat pc-q35-7.2' },
  { from: '7.2', to: '10.0', machine: 'pc-i440fx-7.2', channels: 2, options: '' },
  { from: '10.0', to: '7.2', machine: 'pc-q35-7.2', channels: 2, options: '' },
  { from: '10.0', to: '10.0', machine: 'pc-q35-7.2', channels: 2, options: '' },
  { from: '10.0', to: '10.0', machine: 'pc-q35-8.0', channels: 3, options: '' },
  { from: '10.0', to: '10.0', machine: 'pc-q35-8.1', channels: 2, options: '' },
  { from: '10.0', to: '10.0', machine: 'pc-q35-8.2', channels: 2, options: '--machine-compat 8.2' },
  { from: '10.0', to: '10.0', machine: 'pc-q35-8.2', channels: 2, options: '' },
  { from: '11.1', to: '11.1', machine: 'q35', channels: 2, options: '' },
  { from: '10.0', to: '11.1', machine: 'pc-q35-10.0', channels: 4, options: '' },
  { from: '11.1', to: '10.0', machine: 'pc-q35-10.0', channels: 2, options: '' },
  { from: '7.2', to: '11.1', machine: 'pc-q35-7.2', channels: 2, options: '' },
  { from: '11.1', to: '7.2', machine: 'pc-q35-7.2', channels: 2, options: '' },
];

/** What the command says when the file's machine type decides, and not an option. */
function saidOf({ from, machine, options }: (typeof SENT)[number]): unknown {
  const type = machine.includes('-') ? machine : `pc-${machine === 'pc' ? 'i440fx' : machine}-${from}`;
  const version = Number(type.split('-').at(-1));
  if (options !== '' || version >= 9) return '';
  const sync = version <= 8 ? 'sync with each section, ' : '';
  const zeros = 'zero pages on the main stream (--zero-page-detection legacy)';
  return `multifd: machine type ${type}: ${sync}${zeros}; --machine-compat VERSION says otherwise\n`;
}

describe('store a running QEMU guest, and bring it back', () => {
  for (const each of SENT.filter(both)) {
    const { from, to, machine, channels, detection, options } = each;
    const how = `source detection ${detection ?? 'default'}, ${options || 'no options'}`;
    it(`${from} to file: to ${to}, ${machine}, ${channels} channels, ${how}`, async () => {
      using folder = new TestFolder();
      const { source, file } = await store(folder, each);
      const target = await startTarget({ release: to, machine, folder: folder.path });
      await using _ = target.qemu;
      const address = await listen(target, channels);
      const words = options === '' ? [] : options.split(' ');
      const sent = await run([
        'migrate',
        `file:${file}`,
        address,
        '--channels',
        `${channels}`,
        ...words,
        '--json',
      ]);
      expect(sent, target.qemu.log()).toMatchObject({ code: 0, stderr: saidOf(each) });
      expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'completed', verified: null });
      expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      expectSameRam(source, target);
      await expectCountGoesOn(source, target);
    });
  }
});

describe.runIf(here.includes('10.0'))('docs/interop.md, in the words that it has for the monitor', () => {
  it('10.0 to file: to 10.0', async () => {
    using folder = new TestFolder();
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const source = await startSource(common);
    await using _ = source.qemu;
    const receiving = await startReceive(['file:guest.mig'], { cwd: folder.path });
    await say(source, 'migrate_set_capability multifd on');
    await say(source, 'migrate_set_capability return-path on');
    await say(source, `migrate -d ${receiving.address}`);
    expect((await receiving.ended).code).toBe(0);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    await source.qemu.kill();

    const target = await startTarget(common);
    await using __ = target.qemu;
    await say(target, 'migrate_set_capability multifd on');
    await say(target, `migrate_incoming unix:${folder.file('incoming')}`);
    const words = ['migrate', 'file:guest.mig', `unix:${folder.file('incoming')}`];
    expect((await run(words, { cwd: folder.path })).code).toBe(0);
    expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });
});

describe('a running QEMU guest as images, with receive raw:DIR', () => {
  for (const release of here)
    it(`${release} q35: the image is the guest's RAM, and moves on`, async () => {
      using folder = new TestFolder();
      const source = await startSource({ release, machine: 'q35', folder: folder.path });
      await using _ = source.qemu;
      const images = folder.file('images');
      const receiving = await startReceive([`raw:${images}`, '--channels', '4', '--json']);
      await migrateTo(source, receiving.address, { 'multifd-channels': 4 });
      const { code, stdout, stderr } = await receiving.ended;
      expect(code).toBe(0);
      // Said once, and no error.
      expect(stderr.match(/not its device state, which is dropped/g)).toHaveLength(1);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'device-state': 'dropped' });
      await waitForMigration(source.qemu.qmp, ['completed'], 30_000);
      const { path, size } = source.ram;
      expect(firstDifference(join(images, 'pc.ram.raw'), path, size)).toBeUndefined();
      const moved = await run(['migrate', `raw:${images}`, '--json']);
      expect(JSON.parse(moved.stdout)).toMatchObject({ verified: true });
    });
});

describe.runIf(here.includes('10.0'))('a guest with a uuid', () => {
  const uuid = '12345678-1234-1234-1234-123456789abc';
  for (const loader of ['multifd migrate', 'QEMU itself'])
    it(`10.0 to file: with --uuid, which notes it, to 10.0 by ${loader}`, async () => {
      using folder = new TestFolder();
      const common = {
        release: '10.0',
        machine: 'q35',
        folder: folder.path,
        extra: ['-uuid', uuid],
      } as const;
      const source = await startSource(common);
      await using _ = source.qemu;
      const file = folder.file('guest.mig');
      const receiving = await startReceive([`file:${file}`, '--uuid', uuid]);
      await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
      expect((await receiving.ended).code).toBe(0);
      await waitForMigration(source.qemu.qmp, ['completed'], 30_000);
      await source.qemu.kill();

      const target = await startTarget(common);
      await using __ = target.qemu;
      const { qmp } = target.qemu;
      if (loader === 'QEMU itself') {
        await setCapabilities(qmp, { 'mapped-ram': true });
        await migrateIncoming(qmp, `file:${file}`, { exitOnError: false });
      } else {
        expect(await run(['migrate', `file:${file}`, await listen(target, 2)])).toMatchObject({ code: 0 });
      }
      expect(await waitForMigration(qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      expectSameRam(source, target);
      await expectCountGoesOn(source, target);
    });
});

/** A line of QEMU's human monitor, which answers nothing when it has nothing to complain about. */
async function say({ qemu }: Guest, line: string): Promise<void> {
  expect(await humanMonitorCommand(qemu.qmp, line)).toBe('');
}
