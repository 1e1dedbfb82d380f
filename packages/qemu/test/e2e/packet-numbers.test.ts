import { receive } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  migrate,
  migrateCancel,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';
import { createRam, firstDifference, readControl } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

/** A destination checks the numbers of all packets: what a QEMU numbers must fit also when it has begun before. */
describe.runIf(installedQemus().length > 0)('packet numbers of a QEMU that has cancelled a migration', () => {
  for (const release of installedQemus())
    for (const channels of [2, 4])
      it(`${release}, ${channels} channels: fit in the next one`, () => twice(release, channels));
});

async function twice(release: QemuRelease, channels: number): Promise<void> {
  using folder = new TestFolder();
  const ram = { name: 'pc.ram', size: 128 * MIB, path: folder.file('ram') };
  createRam(ram, 7, { dirtyBase: 16 * MIB, dirtyPages: 1024 });
  await using source = await Qemu.start({
    ...{ release, machine: 'q35', folder: folder.path, name: 'source', ram: [ram], running: true },
  });
  await until('the guest has dirtied all it can', () => readControl(ram.path, CONTROL.rounds) > 1024);
  await cancelled(source, channels);
  const received = await receiveFrom(source, { folder: folder.path, channels, returnPath: true });
  expect(received.info.status).toBe('completed');
  const index = received.blocks.findIndex(({ name }) => name === ram.name);
  expect(firstDifference(receivedPath(folder.path, index), ram.path, ram.size)).toBeUndefined();
}

/** Some pages are on the channels by then. */
async function cancelled(source: Qemu, channels: number): Promise<void> {
  let pages = 0;
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: channels },
    onEvent: (event) => {
      if (event.type === 'progress') pages = event.statistics.normal;
    },
  });
  await setCapabilities(source.qmp, { multifd: true });
  // So slow that it is still in its first round.
  await setParameters(source.qmp, { 'multifd-channels': channels, 'max-bandwidth': MIB });
  await migrate(source.qmp, incoming.address);
  await until('some pages are here', () => pages > 0);
  await migrateCancel(source.qmp);
  await waitForMigration(source.qmp, ['cancelled'], 30_000);
  await expect(incoming.result).rejects.toMatchObject({ code: 'peer-closed' });
}
