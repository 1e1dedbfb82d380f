import { describe, expect, it } from 'vitest';
import { migrate, migrateIncoming, setCapabilities, waitForMigration } from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { dumpFile } from '../support/dump.js';
import { placesOf, readElf, readPhysical } from '../support/elf.js';
import { TestFolder } from '../support/folder.js';
import { plugMemory } from '../support/plug.js';
import { Qemu } from '../support/qemu.js';
import { createRam } from '../support/ram-files.js';

const MIB = 2 ** 20;
const SIZE = 128 * MIB;
/** 11 blocks of the device. */
const PLUGGED = 22 * MIB;
const CONTENT = 0x5eed;
const ENDED = ['completed', 'failed', 'cancelled'] as const;
const VIRTIO_MEM = [0, 1].flatMap((index) => [
  ...['-object', `memory-backend-ram,id=vm${index},size=256M`],
  ...['-device', `virtio-mem-pci,id=vmem${index},memdev=vm${index},requested-size=64M`],
]);
const DIMM = ['-object', 'memory-backend-ram,id=mem0,size=64M', '-device', 'pc-dimm,memdev=mem0'];

interface Setting {
  readonly release: QemuRelease;
  readonly machine: string;
  readonly extra: readonly string[];
}

const here = installedQemus();

describe.each(here.filter((release) => release !== '7.2'))('QEMU %s: the dump of a guest', (release) => {
  it.each(['q35', 'pc'])("%s with virtio-mem, 22 MiB of it plugged, is QEMU's own", async (machine) => {
    using folder = new TestFolder();
    const setting = { release, machine, extra: VIRTIO_MEM };
    const file = await stored(folder, setting);
    plugMemory(file, 'vm0', PLUGGED, CONTENT);
    await using second = await start(folder, 'second', setting, true);
    await setCapabilities(second.qmp, { 'mapped-ram': true });
    await migrateIncoming(second.qmp, `file:${file}`, { exitOnError: false });
    expect(await waitForMigration(second.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    const theirs = folder.file('theirs');
    await second.qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${theirs}` });
    const { path, summary } = await dumpFile(folder, file);
    const [ours, wanted] = [readElf(path), readElf(theirs)];
    expect(placesOf(ours)).toEqual(placesOf(wanted));
    expect(summary.leftOut).toEqual([]);
    const segment = summary.segments.find(({ block }) => block.endsWith('/vm0'));
    expect(segment).toMatchObject({ length: PLUGGED });
    const memory = readPhysical(path, segment?.address ?? 0, PLUGGED);
    expect(memory.equals(readPhysical(theirs, segment?.address ?? 0, PLUGGED))).toBe(true);
    expect(memory.readUInt32LE(PLUGGED - 4096)).toBe(CONTENT);
  });

  it('with virtio-mem of which nothing is plugged leaves nothing out', async () => {
    using folder = new TestFolder();
    const file = await stored(folder, { release, machine: 'q35', extra: VIRTIO_MEM });
    const { summary } = await dumpFile(folder, file);
    expect(summary.leftOut).toEqual([]);
    expect(summary.segments.filter(({ block }) => block.includes('/vm'))).toEqual([]);
  });

  it('names what it leaves out: a DIMM', async () => {
    using folder = new TestFolder();
    const file = await stored(folder, { release, machine: 'q35', extra: DIMM });
    expect((await dumpFile(folder, file)).summary.leftOut).toEqual([
      { name: expect.stringMatching(/mem0$/), length: 64 * MIB },
    ]);
  });
});

it.runIf(here.includes('10.0'))(
  'a machine type that does not say where its virtio-mem is: the dump names it as left out',
  async () => {
    using folder = new TestFolder();
    const setting = { release: '10.0', machine: 'pc-q35-7.2', extra: VIRTIO_MEM } as const;
    const file = await stored(folder, setting);
    expect((await dumpFile(folder, file)).summary.leftOut).toEqual([
      { name: expect.stringMatching(/^0000:.*\/vm[01]$/), length: 256 * MIB },
      { name: expect.stringMatching(/^0000:.*\/vm[01]$/), length: 256 * MIB },
    ]);
  },
);

/** A file of such a guest, which has not begun to run. */
async function stored(folder: TestFolder, setting: Setting): Promise<string> {
  await using qemu = await start(folder, 'first', setting, false);
  const file = folder.file('guest.mig');
  await setCapabilities(qemu.qmp, { 'mapped-ram': true });
  await migrate(qemu.qmp, `file:${file}`);
  expect(await waitForMigration(qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  return file;
}

async function start(folder: TestFolder, name: string, setting: Setting, incoming: boolean) {
  const ram = { name: 'pc.ram', size: SIZE, path: folder.file(name) };
  if (!incoming) createRam(ram, 23, { dirtyBase: 16 * MIB, dirtyPages: 256 });
  const qemu = await Qemu.start({
    release: setting.release,
    machine: setting.machine,
    folder: folder.path,
    name,
    ram: [ram],
    ...(incoming ? { incoming } : { running: false }),
    extra: ['-m', '128M,maxmem=1G,slots=4', ...setting.extra],
  });
  return { qmp: qemu.qmp, [Symbol.asyncDispose]: () => qemu.kill() };
}
