import { receive } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  migrate,
  migrateCancel,
  queryStatus,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';
import { createRam } from '../support/ram-files.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

describe.runIf(installedQemus().length > 0)('a migration that is broken off midway', () => {
  for (const release of installedQemus()) {
    it(`${release}: the source dies`, () =>
      broken(release, async (source) => {
        await source.kill();
        return 'peer-closed';
      }));
    it(`${release}: the source cancels, and runs on`, () =>
      broken(release, async (source) => {
        await migrateCancel(source.qmp);
        await waitForMigration(source.qmp, ['cancelled'], 10_000);
        expect((await queryStatus(source.qmp)).status).toBe('running');
        return 'peer-closed';
      }));
    it(`${release}: we cancel, and the source runs on`, () =>
      broken(release, async (source, cancel) => {
        cancel();
        await waitForMigration(source.qmp, ['failed'], 10_000);
        expect((await queryStatus(source.qmp)).status).toBe('running');
        return 'cancelled';
      }));
  }
});

async function broken(
  release: QemuRelease,
  breakOff: (source: Qemu, cancel: () => void) => Promise<string>,
): Promise<void> {
  using folder = new TestFolder();
  const ram = { name: 'pc.ram', size: 128 * MIB, path: folder.file('ram') };
  createRam(ram, 5, {});
  await using source = await Qemu.start({
    ...{ release, machine: 'q35', folder: folder.path, name: 'source', ram: [ram], running: true },
  });
  const abort = new AbortController();
  let received = 0;
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: 4, stallTimeout: 5000 },
    signal: abort.signal,
    onEvent: (event) => {
      if (event.type === 'progress') received = event.statistics.normal;
    },
  });
  await setCapabilities(source.qmp, { multifd: true });
  await setParameters(source.qmp, { 'multifd-channels': 4, 'max-bandwidth': 8 * MIB });
  await migrate(source.qmp, incoming.address);
  await until('some pages are here', () => received > 0);
  const code = await breakOff(source, () => abort.abort());
  await expect(incoming.result).rejects.toMatchObject({ code });
}
