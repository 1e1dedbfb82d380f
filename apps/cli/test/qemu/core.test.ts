import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findQemu, installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { placesOf, readElf, readPhysical } from '../../../../packages/qemu/test/support/elf.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import {
  migrate,
  queryStatus,
  setCapabilities,
  waitForMigration,
} from '../../../../packages/qemu/test/support/monitor.js';
import { Qemu, type RamFile } from '../../../../packages/qemu/test/support/qemu.js';
import { createRam } from '../../../../packages/qemu/test/support/ram-files.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { startReceive } from '../helpers/cli.js';
import { ENDED } from './support/guests.js';

const MIB = 2 ** 20;

/** What packages/qemu compares with 10.0 alone. */
const MACHINES = { '7.2': 'q35', '10.0': 'q35', '11.1': 'pc' } as const;

describe('a guest, received as a dump', () => {
  for (const release of installedQemus()) {
    const machine = MACHINES[release];
    it(`is what QEMU ${release} dumps of its ${machine}`, async () => {
      using folder = new TestFolder();
      const ram: RamFile = { name: 'pc.ram', size: 32 * MIB, path: folder.file('ram') };
      createRam(ram, 5, { dirtyBase: 16 * MIB, dirtyPages: 256 });
      const common = { release, machine, folder: folder.path, ram: [ram] } as const;
      await using source = await Qemu.start({ ...common, name: 'source', running: true });
      await until('the guest has said something', () => source.lines().length > 3);
      await source.qmp.execute('stop');
      const theirs = folder.file('theirs');
      await source.qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${theirs}` });
      const ours = folder.file('ours');
      const receiving = await startReceive([`core:${ours}`, '--json']);
      await setCapabilities(source.qmp, { multifd: true, 'return-path': true });
      await migrate(source.qmp, receiving.address);
      const ended = await receiving.ended;
      expect(ended).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('nothing can resume the guest'),
      });
      expect(JSON.parse(ended.stdout)).toMatchObject({
        'device-state': 'dropped',
        dump: { processors: 1, vmcoreinfo: false, 'left-out': [] },
      });
      const [dump, wanted] = [readElf(ours), readElf(theirs)];
      expect({ ...dump, segments: placesOf(dump) }).toEqual({ ...wanted, segments: placesOf(wanted) });
      for (const { address, length } of wanted.segments) {
        const same = readPhysical(ours, address, length).equals(readPhysical(theirs, address, length));
        expect(same, `memory from ${address} on`).toBe(true);
      }
    });
  }
});

describe.runIf(findQemu('10.0', 'aarch64') !== undefined)('a guest of another machine', () => {
  it('is refused, and stays with its QEMU', async () => {
    using folder = new TestFolder();
    const ram: RamFile = { name: 'mach-virt.ram', size: 16 * MIB, path: folder.file('ram') };
    createRam(ram, 5, { dirtyBase: MIB, dirtyPages: 16 });
    await using source = await Qemu.start({
      ...{ release: '10.0', target: 'aarch64', machine: 'virt', folder: folder.path, name: 'source' },
      ram: [ram],
      extra: ['-cpu', 'cortex-a57'],
    });
    const receiving = await startReceive([`core:${folder.file('core')}`, '--json']);
    await setCapabilities(source.qmp, { multifd: true, 'return-path': true });
    await migrate(source.qmp, receiving.address);
    const ended = await receiving.ended;
    expect(ended).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/machine type virt-10\.0: its memory map is not known/),
    });
    expect(await waitForMigration(source.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    expect(await queryStatus(source.qmp)).toBeDefined();
    expect(readdirSync(folder.path).filter((name) => name.includes('core'))).toEqual([]);
  });
});
