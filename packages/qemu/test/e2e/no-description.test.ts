import { relay } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  migrate,
  migrateIncoming,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam } from '../support/ram-files.js';
import { receiveFrom } from '../support/receive.js';

const MIB = 2 ** 20;
/** Such a QEMU waits for our word behind its last byte, and says nothing that would tell that it was the last. */
const MACHINE = 'q35,suppress-vmdesc=on';

async function startSource(release: QemuRelease, folder: TestFolder): Promise<Qemu> {
  const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file('source') };
  createRam(ram, 5);
  return Qemu.start({ release, machine: MACHINE, folder: folder.path, name: 'source', ram: [ram] });
}

const here = installedQemus();

describe.runIf(here.length > 0)('a machine that sends no description of its devices', () => {
  for (const release of here) {
    it(`${release}: is received, and completes`, async () => {
      using folder = new TestFolder();
      await using source = await startSource(release, folder);
      const { result, info } = await receiveFrom(source, {
        folder: folder.path,
        channels: 2,
        returnPath: true,
      });
      expect(info.status).toBe('completed');
      expect(result.deviceState).toBeUndefined();
      expect(result.rawDeviceState.vmdesc).toBeUndefined();
      expect(result.rawDeviceState.bytes.at(-1)).toBe(0);
    });

    it(`${release}: goes through a relay into the same QEMU`, async () => {
      using folder = new TestFolder();
      await using source = await startSource(release, folder);
      const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file('destination') };
      await using destination = await Qemu.start({
        release,
        machine: MACHINE,
        folder: folder.path,
        name: 'destination',
        ram: [ram],
        incoming: true,
      });
      await setCapabilities(destination.qmp, { multifd: true });
      await setParameters(destination.qmp, { 'multifd-channels': 2 });
      const socket = folder.file('in.sock');
      await migrateIncoming(
        destination.qmp,
        `unix:${socket}`,
        release === '7.2' ? {} : { exitOnError: false },
      );
      const older = release === '7.2';
      const between = await relay({
        listen: 'tcp:127.0.0.1:0',
        to: `unix:${socket}`,
        incoming: { multifdChannels: 2 },
        outgoing: {
          multifdChannels: 2,
          zeroPageDetection: 'none',
          multifdFlushAfterEachSection: older,
        },
      });
      await setCapabilities(source.qmp, { multifd: true, 'return-path': true });
      await setParameters(source.qmp, { 'multifd-channels': 2, 'max-bandwidth': 0 });
      await migrate(source.qmp, between.address);
      expect(await between.result).toMatchObject({ status: 'completed' });
      for (const { qmp } of [source, destination])
        expect(await waitForMigration(qmp, ['completed', 'failed'], 60_000)).toMatchObject({
          status: 'completed',
        });
    });
  }
});
