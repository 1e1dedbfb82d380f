import { describe, expect, it } from 'vitest';
import { installedQemus, type QemuRelease } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import {
  migrate,
  migrateIncoming,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../../../packages/qemu/test/support/monitor.js';
import { run } from '../helpers/cli.js';
import {
  ENDED,
  expectCountGoesOn,
  expectSameRam,
  listen,
  startSource,
  startTarget,
} from './support/guests.js';
import { both, type Case, store } from './support/stored.js';

const here = installedQemus();

const LOADED: readonly Case[] = [
  ...['pc', 'q35'].flatMap((machine) =>
    [0, 1, 4].map((channels): Case => ({ from: '10.0', to: '10.0', machine, channels })),
  ),
  { from: '7.2', to: '10.0', machine: 'pc-q35-7.2', channels: 0 },
  { from: '7.2', to: '10.0', machine: 'pc-i440fx-7.2', channels: 2 },
  { from: '11.1', to: '11.1', machine: 'q35', channels: 0 },
  { from: '10.0', to: '11.1', machine: 'pc-q35-10.0', channels: 2 },
  { from: '11.1', to: '10.0', machine: 'pc-q35-10.0', channels: 0 },
];

describe('QEMU loads the stored file itself, with -incoming file:', () => {
  for (const each of LOADED.filter(both)) {
    const { from, to, machine, channels } = each;
    const how =
      channels === 0 ? 'mapped-ram without multifd' : `mapped-ram with ${channels} multifd channels`;
    it(`${from} to file: to ${to}, ${machine}, ${how}`, async () => {
      using folder = new TestFolder();
      const { source, file } = await store(folder, { ...each, channels: 2 });
      const target = await startTarget({ release: to, machine, folder: folder.path });
      await using _ = target.qemu;
      const { qmp } = target.qemu;
      await setCapabilities(qmp, { 'mapped-ram': true, multifd: channels > 0 });
      if (channels > 0) await setParameters(qmp, { 'multifd-channels': channels });
      await migrateIncoming(qmp, `file:${file}`, { exitOnError: false });
      expect(await waitForMigration(qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      expectSameRam(source, target);
      await expectCountGoesOn(source, target);
    });
  }
});

describe.runIf(here.includes('10.0'))("QEMU's own mapped-ram file", () => {
  for (const [release, channels] of [
    ['10.0', 0],
    ['10.0', 4],
    ['11.1', 2],
  ] as const) {
    if (!here.includes(release)) continue;
    const how = channels === 0 ? 'without multifd' : `with ${channels} multifd channels`;
    it(`${release} wrote it ${how}: inspect explains it, migrate moves it and brings it back`, async () => {
      using folder = new TestFolder();
      const source = await startSource({ release, machine: 'q35', folder: folder.path });
      await using _ = source.qemu;
      const { qmp } = source.qemu;
      const file = folder.file('qemu.mig');
      await setCapabilities(qmp, { 'mapped-ram': true, multifd: channels > 0 });
      await setParameters(qmp, {
        'max-bandwidth': 0,
        ...(channels > 0 ? { 'multifd-channels': channels } : {}),
      });
      await migrate(qmp, `file:${file}`);
      expect(await waitForMigration(qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      await source.qemu.kill();

      await expectExplained(file, release);
      const moved = await run(['migrate', `file:${file}`, '--json']);
      expect(moved).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(moved.stdout)).toMatchObject({ verified: true });

      const target = await startTarget({ release, machine: 'q35', folder: folder.path });
      await using __ = target.qemu;
      const sent = await run(['migrate', `file:${file}`, await listen(target, 2)]);
      expect(sent, target.qemu.log()).toMatchObject({ code: 0, stderr: '' });
      expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      expectSameRam(source, target);
      await expectCountGoesOn(source, target);
    });
  }
});

async function expectExplained(file: string, release: QemuRelease): Promise<void> {
  const inspected = await run(['inspect', file, '--json']);
  expect(inspected).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    format: 'mapped-ram',
    'machine-type': `pc-q35-${release}`,
    devices: expect.arrayContaining([expect.objectContaining({ name: 'cpu' })]),
  });
  const text = await run(['inspect', file]);
  expect(text).toMatchObject({ code: 0, stderr: '' });
  expect(text.stdout).toMatch(/^ {2}pc\.ram +64\.0 MiB +\d+ +0 +\d+$/m);
  expect(text.stdout).toMatch(/^ {4}env\.eip: \S+$/m);
}
