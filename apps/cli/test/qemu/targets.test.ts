import { describe, expect, it } from 'vitest';
import { findQemu, type QemuTarget } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import {
  migrate,
  migrateIncoming,
  queryStatus,
  setCapabilities,
  waitForMigration,
} from '../../../../packages/qemu/test/support/monitor.js';
import { Qemu, type RamFile } from '../../../../packages/qemu/test/support/qemu.js';
import { createRam } from '../../../../packages/qemu/test/support/ram-files.js';
import { run, start, startReceive } from '../helpers/cli.js';
import { ENDED, expectSameRam, type Guest, listen, migrateTo } from './support/guests.js';

const MIB = 2 ** 20;

interface Machine {
  readonly target: QemuTarget;
  readonly machine: string;
  readonly ram: string;
  readonly extra: readonly string[];
}

/** Its configuration section names the page size, 4096 too, and QEMU loads nothing without it. */
const ARM: Machine = {
  target: 'aarch64',
  machine: 'virt',
  ram: 'mach-virt.ram',
  extra: ['-cpu', 'cortex-a57'],
};
/** Big-endian, with live state that is part of the machine. */
const S390X: Machine = { target: 's390x', machine: 's390-ccw-virtio', ram: 's390.ram', extra: [] };

const haveArm = findQemu('10.0', 'aarch64') !== undefined;
const haveS390x = findQemu('10.0', 's390x') !== undefined;
const UUID = '12345678-1234-1234-1234-123456789abc';

describe.runIf(haveArm)('10.0 arm virt, paused', () => {
  it('to file:, which QEMU loads itself', async () => {
    using folder = new TestFolder();
    const { source, file } = await store(folder, ARM);
    const inspected = JSON.parse((await run(['inspect', file, '--json'])).stdout);
    expect(inspected).toMatchObject({ 'machine-type': 'virt-10.0', 'target-page-bits': 12 });
    await loadItself(folder, ARM, source, file);
  });

  it('to file:, and by migrate file: into QEMU', async () => {
    using folder = new TestFolder();
    const { source, file } = await store(folder, ARM);
    const target = await launch(folder, ARM, 'target');
    await using _ = target.qemu;
    const sent = await run(['migrate', `file:${file}`, await listen(target, 2)]);
    expect(sent, target.qemu.log()).toMatchObject({ code: 0 });
    expect(await waitForMigration(target.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
  });

  it("QEMU's own mapped-ram file, by migrate file: into file: and back, with a uuid that is compared", async () => {
    using folder = new TestFolder();
    const withUuid = { ...ARM, extra: [...ARM.extra, '-uuid', UUID] };
    const source = await launch(folder, withUuid, 'source');
    await using _ = source.qemu;
    const file = folder.file('qemu.mig');
    await setCapabilities(source.qemu.qmp, { 'mapped-ram': true, 'validate-uuid': true });
    await migrate(source.qemu.qmp, `file:${file}`);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
    await source.qemu.kill();
    const again = folder.file('again.mig');
    const receiving = await startReceive([`file:${again}`, '--uuid', UUID]);
    expect(await run(['migrate', `file:${file}`, receiving.address])).toMatchObject({ code: 0 });
    expect((await receiving.ended).code).toBe(0);
    await loadItself(folder, withUuid, source, again);
  });

  it('through a relay into QEMU', async () => {
    using folder = new TestFolder();
    const source = await launch(folder, ARM, 'source');
    await using _ = source.qemu;
    const target = await launch(folder, ARM, 'target');
    await using __ = target.qemu;
    const relaying = start(['relay', 'tcp:127.0.0.1:0', await listen(target, 2), '--json']);
    await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
    const { code, stderr } = await relaying.ended;
    expect(code, `${stderr}${target.qemu.log()}`).toBe(0);
    expect(await waitForMigration(target.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
  });
});

describe.runIf(haveS390x)(
  '10.0 s390x, paused: its live state is part of the machine, and it is refused',
  () => {
    it('receive file: says what it is, and leaves nothing', async () => {
      using folder = new TestFolder();
      const source = await launch(folder, S390X, 'source');
      await using _ = source.qemu;
      const file = folder.file('guest.mig');
      const receiving = await startReceive([`file:${file}`, '--json']);
      await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
      const { code, stdout, stderr } = await receiving.ended;
      expect(code).toBe(4);
      expect(stderr).toMatch(/s390-storage_attributes/);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed' });
      expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
      expect((await queryStatus(source.qemu.qmp)).status).toBe('prelaunch');
    });

    it("QEMU's own mapped-ram file: inspect and migrate say what it is", async () => {
      using folder = new TestFolder();
      const source = await launch(folder, S390X, 'source');
      await using _ = source.qemu;
      const file = folder.file('qemu.mig');
      await setCapabilities(source.qemu.qmp, { 'mapped-ram': true });
      await migrate(source.qemu.qmp, `file:${file}`);
      expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
      for (const words of [
        ['inspect', file],
        ['migrate', `file:${file}`],
      ]) {
        const { code, stderr } = await run(words);
        expect(code).toBe(4);
        expect(stderr).toMatch(/s390-storage_attributes/);
      }
    });
  },
);

async function launch(folder: TestFolder, machine: Machine, name: 'source' | 'target'): Promise<Guest> {
  const ram: RamFile = { name: machine.ram, size: 64 * MIB, path: folder.file(`${name}-ram`) };
  if (name === 'source') createRam(ram, 31);
  const qemu = await Qemu.start({
    release: '10.0',
    target: machine.target,
    machine: machine.machine,
    folder: folder.path,
    name,
    ram: [ram],
    incoming: name === 'target',
    extra: machine.extra,
  });
  return { qemu, ram };
}

/** Such a guest is now in a file; its QEMU has ended. */
async function store(folder: TestFolder, machine: Machine): Promise<{ source: Guest; file: string }> {
  const source = await launch(folder, machine, 'source');
  await using _ = source.qemu;
  const file = folder.file('guest.mig');
  const receiving = await startReceive([`file:${file}`]);
  await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
  const { code, stderr } = await receiving.ended;
  expect(code, stderr).toBe(0);
  expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
  return { source, file };
}

async function loadItself(folder: TestFolder, machine: Machine, source: Guest, file: string): Promise<void> {
  const target = await launch(folder, machine, 'target');
  await using _ = target.qemu;
  await setCapabilities(target.qemu.qmp, { 'mapped-ram': true });
  await migrateIncoming(target.qemu.qmp, `file:${file}`, { exitOnError: false });
  const info = await waitForMigration(target.qemu.qmp, ENDED, 60_000);
  expect(info, target.qemu.log()).toMatchObject({ status: 'completed' });
  expectSameRam(source, target);
}
