import { MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import type { QemuCapability } from '../../src/qmp/capabilities.js';
import { migrate, setCapabilities, waitForMigration } from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam } from '../support/ram-files.js';

const here = installedQemus();

describe('files of QEMU with more than RAM and devices', () => {
  it.runIf(here.includes('11.1'))(
    '11.1: mapped-ram with x-ignore-shared is explained, and not sent',
    async () => {
      using folder = new TestFolder();
      const file = await store(folder, '11.1', ['mapped-ram', 'x-ignore-shared']);
      const { blocks, devices = [] } = inspectFile(file);
      // Its RAM is a shared file, and so not in this one.
      expect(blocks[0]).toMatchObject({ name: 'pc.ram', normalPages: 0, absentPages: 4096 });
      expect(blocks.find(({ name }) => name === '/rom@etc/acpi/tables')?.normalPages).toBeGreaterThan(0);
      expect(devices.map(({ name }) => name)).toContain('globalstate');
      expect(() => openMappedRam(file)).toThrow(MultifdError);
      expect(() => openMappedRam(file)).toThrow(/x-ignore-shared/);
    },
  );

  for (const release of here.filter((each) => each !== '7.2'))
    for (const capabilities of [['dirty-bitmaps'], ['dirty-bitmaps', 'mapped-ram']] as const)
      it(`${release}: ${capabilities.join(', ')} without a bitmap is explained`, async () => {
        using folder = new TestFolder();
        const file = await store(folder, release, capabilities);
        const { sections, devices = [] } = inspectFile(file);
        expect(sections).toContainEqual(
          expect.objectContaining({ kind: 'start', name: 'dirty-bitmap', size: 32 }),
        );
        expect(devices.map(({ name }) => name)).toContain('globalstate');
        if (capabilities.length < 2) return;
        expect(openMappedRam(file).rawDeviceState.early).toHaveLength(32);
      });
});

async function store(
  folder: TestFolder,
  release: QemuRelease,
  capabilities: readonly QemuCapability[],
): Promise<string> {
  const ram: RamFile = { name: 'pc.ram', size: 16 * 2 ** 20, path: folder.file('ram') };
  createRam(ram, 3);
  await using qemu = await Qemu.start({
    release,
    machine: 'q35',
    folder: folder.path,
    name: 'q',
    ram: [ram],
  });
  const file = folder.file('guest.mig');
  await setCapabilities(qemu.qmp, Object.fromEntries(capabilities.map((name) => [name, true])));
  await migrate(qemu.qmp, `file:${file}`);
  const info = await waitForMigration(qemu.qmp, ['completed', 'failed'], 60_000);
  expect(info).toMatchObject({ status: 'completed' });
  return file;
}
