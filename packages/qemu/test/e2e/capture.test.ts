import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { it } from 'vitest';
import { migrate, setCapabilities, waitForMigration } from '../../src/qmp/commands.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';
import { createRam } from '../support/ram-files.js';

/** Writes the vectors of the unit tests anew: `MULTIFD_CAPTURE=1 pnpm test:qemu capture`. */
const CAPTURES = [
  { release: '7.2', machine: 'pc', mapped: false },
  { release: '10.0', machine: 'q35', mapped: false },
  { release: '10.0', machine: 'pc', mapped: true },
] as const;

for (const { release, machine, mapped } of CAPTURES)
  it.runIf(process.env.MULTIFD_CAPTURE !== undefined)(`capture ${release} ${machine}`, async () => {
    using folder = new TestFolder();
    const ram = { name: 'pc.ram', size: 2 * 2 ** 20, path: folder.file('ram') };
    createRam(ram, 3, {}, 4);
    await using qemu = await Qemu.start({
      ...{ release, machine, folder: folder.path, name: 'source', ram: [ram] },
      extra: ['-device', 'virtio-balloon-pci'],
    });
    const file = folder.file('capture');
    await setCapabilities(qemu.qmp, mapped ? { 'mapped-ram': true } : {});
    await migrate(qemu.qmp, mapped ? `file:${file}` : `exec:cat > ${file}`);
    await waitForMigration(qemu.qmp, ['completed'], 20_000);
    const name = `${release}-${machine}.${mapped ? 'mapped-ram' : 'stream'}.gz`;
    writeFileSync(
      join(import.meta.dirname, '../unit/vectors', name),
      gzipSync(readFileSync(file), { level: 9 }),
    );
  });
