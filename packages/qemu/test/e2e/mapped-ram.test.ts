import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { MappedRamWriter } from '../../src/mapped-ram/writer.js';
import {
  migrate,
  migrateIncoming,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { libvirtFront } from '../support/libvirt.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { allocated, createRam, firstDifference, readControl } from '../support/ram-files.js';
import { receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

describe.runIf(installedQemus().includes('10.0'))('mapped-ram files and QEMU 10.0', () => {
  for (const machine of ['pc', 'q35'])
    for (const channels of [0, 1, 4]) {
      const how = channels === 0 ? 'without multifd' : `with ${channels} channels`;
      it(`${machine}: QEMU loads, ${how}, what we received`, () => loadOurs(machine, channels));
      it(`${machine}: we read what QEMU wrote ${how}, and send it`, () => sendTheirs(machine, channels));
    }
});

/** What stands before the stream: junk, or what libvirt writes for save_image_format=sparse. */
const FRONTS = {
  'an offset of 12345': { bytes: new Uint8Array(12_345).fill(0x2e), said: 12_345 },
  'an offset of 1M': { bytes: new Uint8Array(MIB).fill(0x2e), said: MIB },
  "libvirt's header": { bytes: libvirtFront(6), said: undefined },
} as const;

describe.runIf(installedQemus().includes('10.0'))('a mapped-ram file that QEMU 10.0 wrote behind', () => {
  for (const [name, { bytes, said }] of Object.entries(FRONTS))
    for (const channels of [0, 4]) {
      it(`${name}, with ${channels} channels: we read it, and send it`, () =>
        sendTheirs('q35', channels, bytes, said));
    }
});

async function startSource(folder: TestFolder, machine: string): Promise<{ source: Qemu; ram: RamFile }> {
  const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file('source') };
  createRam(ram, 11, { dirtyBase: 16 * MIB, dirtyPages: 256 });
  const common = { release: '10.0', machine, folder: folder.path } as const;
  const source = await Qemu.start({ ...common, name: 'source', ram: [ram], running: true });
  await until('the guest has said something', () => source.lines().length > 3);
  return { source, ram };
}

async function startTarget(folder: TestFolder, machine: string): Promise<{ target: Qemu; ram: RamFile }> {
  const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file('target') };
  const common = { release: '10.0', machine, folder: folder.path } as const;
  return { target: await Qemu.start({ ...common, name: 'target', ram: [ram], incoming: true }), ram };
}

async function loadOurs(machine: string, channels: number): Promise<void> {
  using folder = new TestFolder();
  const { source, ram } = await startSource(folder, machine);
  await using running = source;
  const writer = new MappedRamWriter(folder.open('guest.mig'));
  const file = writer.path;
  await receiveFrom(running, {
    folder: folder.path,
    channels: 2,
    openRam: (blocks, ahead) => writer.openRam(blocks, ahead),
    commit: ({ machineType, receivedPages, rawDeviceState }) =>
      writer.finish({ machineType, receivedPages, rawDeviceState }),
  });
  await running.kill();
  expect(allocated(file)).toBeLessThan(allocated(ram.path) + 2 * MIB);
  const [main] = inspectFile(file).blocks;
  expect(main).toMatchObject({ name: 'pc.ram', length: ram.size });
  expect(main?.normalPages).toBeLessThan(ram.size / 4096);

  const { target, ram: loaded } = await startTarget(folder, machine);
  await using destination = target;
  await setCapabilities(target.qmp, { 'mapped-ram': true, multifd: channels > 0 });
  if (channels > 0) await setParameters(target.qmp, { 'multifd-channels': channels });
  await migrateIncoming(target.qmp, `file:${file}`, { exitOnError: false });
  const info = await waitForMigration(target.qmp, ['completed', 'failed'], 30_000);
  expect(info).toMatchObject({ status: 'completed' });
  expect(firstDifference(ram.path, loaded.path, ram.size)).toBeUndefined();
  await expectCountGoesOn(running, destination, ram, loaded);
}

/**
 * @param front bytes of the file before QEMU's stream.
 * @param offset where we are told that the stream begins; undefined if we are to see it.
 */
async function sendTheirs(
  machine: string,
  channels: number,
  front: Uint8Array = new Uint8Array(0),
  offset?: number,
): Promise<void> {
  using folder = new TestFolder();
  const { source, ram } = await startSource(folder, machine);
  await using running = source;
  const file = folder.file('guest.mig');
  await setCapabilities(running.qmp, { 'mapped-ram': true, multifd: channels > 0 });
  await setParameters(running.qmp, {
    'max-bandwidth': 0,
    ...(channels > 0 ? { 'multifd-channels': channels } : {}),
  });
  writeFileSync(file, front);
  await migrate(running.qmp, front.length === 0 ? `file:${file}` : `file:${file},offset=${front.length}`);
  expect(await waitForMigration(running.qmp, ['completed', 'failed'], 30_000)).toMatchObject({
    status: 'completed',
  });
  await running.kill();
  expect(statSync(file).size).toBeGreaterThan(ram.size);

  expect(readFileSync(file).subarray(0, front.length).equals(Buffer.from(front))).toBe(true);
  const at = offset === undefined ? {} : { offset };
  expect(inspectFile(file, at)).toMatchObject({ format: 'mapped-ram', streamOffset: front.length });
  const guest = openMappedRam(file, at);
  const { target, ram: loaded } = await startTarget(folder, machine);
  await using destination = target;
  const { info } = await sendTo(
    destination,
    { ram: guest.ram, machineType: guest.machineType, deviceState: () => guest.deviceState ?? [] },
    folder.file('migration'),
    { multifdChannels: 2 },
  );
  expect(info).toMatchObject({ status: 'completed' });
  expect(firstDifference(ram.path, loaded.path, ram.size)).toBeUndefined();
  await expectCountGoesOn(running, destination, ram, loaded);
}

async function expectCountGoesOn(
  source: Qemu,
  destination: Qemu,
  before: RamFile,
  after: RamFile,
): Promise<void> {
  await destination.qmp.execute('cont');
  await until('the guest says something more', () => destination.lines().length > 3);
  expect(readControl(after.path, CONTROL.rounds)).toBeGreaterThan(readControl(before.path, CONTROL.rounds));
  const said = `${source.serial()}${destination.serial()}`.split('\n').slice(0, -1);
  expect(said.map((line) => Number.parseInt(line, 16))).toEqual(said.map((_, at) => at + 1));
}
