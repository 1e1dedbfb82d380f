import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Guest, type ReceiveResult, relay } from '@multifd/core';
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
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const DETECTIONS = ['multifd', 'legacy', 'none'] as const;
const EARLY = 'virtio-mem-device-early';
const ENDED = ['completed', 'failed', 'cancelled'] as const;

interface Setting {
  readonly requested: '0' | '64M';
  readonly running: boolean;
}

/** Nothing in our guest drives the device: all of its memory stays unplugged, whatever size is asked for. */
function virtioMem(requested: string): string[] {
  const devices = Array.from({ length: 2 }, (_, index) => [
    ...['-object', `memory-backend-ram,id=vm${index},size=256M`],
    ...['-device', `virtio-mem-pci,id=vmem${index},memdev=vm${index},requested-size=${requested}`],
  ]);
  return ['-m', '128M,maxmem=1G', ...devices.flat()];
}

describe.runIf(installedQemus().includes('10.0'))('QEMU 10.0 with early device state (virtio-mem)', () => {
  for (const setting of [
    { requested: '0', running: true },
    { requested: '64M', running: false },
  ] as const) {
    const { requested, running } = setting;
    const how = `requested-size=${requested}, ${running ? 'running' : 'paused'}`;
    for (const zeroPageDetection of DETECTIONS) {
      it(`${how}: to us, and back, ${zeroPageDetection}`, () => thereAndBack(setting, zeroPageDetection));
      it(`${how}: through a relay, ${zeroPageDetection}`, () => relayed(setting, zeroPageDetection));
    }
    it(`${how}: QEMU loads the file that we stored`, () => loadOurs(setting));
    it(`${how}: we send what QEMU stored`, () => sendTheirs(setting));
  }

  it('a single stream without mapped-ram is read too', async () => {
    using folder = new TestFolder();
    await using source = await start(folder, 'source', { requested: '0', running: false });
    const file = folder.file('guest.stream');
    await setParameters(source.qemu.qmp, { 'max-bandwidth': 0 });
    await migrate(source.qemu.qmp, `file:${file}`);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectEarlyIn(file);
  });

  it('several devices at once, by single sections too', async () => {
    using folder = new TestFolder();
    await using source = await start(folder, 'source', { requested: '64M', running: true });
    const { result } = await receiveFrom(source.qemu, { folder: folder.path, channels: 2, returnPath: true });
    const early = result.deviceState.filter((section) => section.early === true);
    expect(early.map(({ idstr }) => idstr.replace(/^.*\//, ''))).toEqual([EARLY, EARLY]);
    expect(result.deviceState.slice(0, 2)).toEqual(early);
    await back(folder, source, result, { deviceState: () => result.deviceState }, 'multifd');
  });
});

interface Machine extends AsyncDisposable {
  readonly qemu: Qemu;
  readonly ram: RamFile;
}

async function start(folder: TestFolder, name: 'source' | 'target', setting: Setting): Promise<Machine> {
  const ram: RamFile = { name: 'pc.ram', size: 128 * MIB, path: folder.file(name) };
  if (name === 'source') createRam(ram, 23, { dirtyBase: 16 * MIB, dirtyPages: 256 });
  const qemu = await Qemu.start({
    release: '10.0',
    machine: 'q35',
    folder: folder.path,
    name,
    ram: [ram],
    ...(name === 'source' ? { running: setting.running } : { incoming: true }),
    extra: virtioMem(setting.requested),
  });
  if (name === 'source' && setting.running)
    await until('the guest has said something', () => qemu.lines().length > 3);
  return { qemu, ram, [Symbol.asyncDispose]: () => qemu.kill() };
}

/** What was received goes into a QEMU with the same devices, and its RAM is as it was. */
async function back(
  folder: TestFolder,
  source: Machine,
  result: ReceiveResult,
  state: Pick<Guest, 'deviceState' | 'rawDeviceState'>,
  zeroPageDetection: (typeof DETECTIONS)[number],
): Promise<void> {
  await source.qemu.kill();
  await using target = await start(folder, 'target', { requested: '64M', running: false });
  const guest = { ram: result.ram, machineType: result.machineType, ...state };
  const sent = await sendTo(target.qemu, guest, folder.file('migration'), { zeroPageDetection });
  expect(sent.info.status).toBe('completed');
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
}

async function thereAndBack(setting: Setting, detection: (typeof DETECTIONS)[number]): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  const { result, info, blocks } = await receiveFrom(source.qemu, {
    folder: folder.path,
    channels: 2,
    zeroPageDetection: detection,
  });
  expect(info.status).toBe('completed');
  const main = blocks.findIndex(({ name }) => name === 'pc.ram');
  expect(firstDifference(receivedPath(folder.path, main), source.ram.path, source.ram.size)).toBeUndefined();
  // Unplugged memory is never sent, not even where every page else is.
  const plugged = blocks.findIndex(({ length }) => length === 256 * MIB);
  expect(new Int32Array(result.placed[plugged] ?? new ArrayBuffer(4)).every((word) => word === 0)).toBe(true);
  expect(result.deviceState[0]?.idstr).toContain(EARLY);
  expect(result.deviceState[0]?.early).toBe(true);
  await back(folder, source, result, { rawDeviceState: () => result.rawDeviceState }, detection);
}

async function relayed(setting: Setting, detection: (typeof DETECTIONS)[number]): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  await using target = await start(folder, 'target', setting);
  await setCapabilities(target.qemu.qmp, { multifd: true });
  await setParameters(target.qemu.qmp, { 'multifd-channels': 3 });
  await migrateIncoming(target.qemu.qmp, `unix:${folder.file('migration')}`, { exitOnError: false });
  const accelerator = pathToFileURL(createRequire(import.meta.url).resolve('@multifd/accel-js')).href;
  const relaying = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: `unix:${folder.file('migration')}`,
    incoming: { multifdChannels: 2 },
    outgoing: { multifdChannels: 3, zeroPageDetection: detection },
    accelerator: { module: accelerator, name: 'js' },
  });
  await setCapabilities(source.qemu.qmp, { multifd: true, 'return-path': true });
  await setParameters(source.qemu.qmp, { 'multifd-channels': 2, 'max-bandwidth': 0 });
  await migrate(source.qemu.qmp, relaying.address);
  await relaying.result;
  expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
}

async function loadOurs(setting: Setting): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  const file = folder.file('guest.mig');
  const writer = new MappedRamWriter(file);
  await receiveFrom(source.qemu, {
    folder: folder.path,
    channels: 2,
    openRam: (blocks) => writer.openRam(blocks),
    commit: ({ machineType, placed, rawDeviceState }) =>
      writer.finish({ machineType, placed, rawDeviceState }),
  });
  await source.qemu.kill();
  expectEarlyIn(file);
  await using target = await start(folder, 'target', setting);
  await setCapabilities(target.qemu.qmp, { 'mapped-ram': true });
  await migrateIncoming(target.qemu.qmp, `file:${file}`, { exitOnError: false });
  const info = await waitForMigration(target.qemu.qmp, ENDED, 30_000);
  expect(info, target.qemu.log()).toMatchObject({ status: 'completed' });
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
}

async function sendTheirs(setting: Setting): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  const file = folder.file('guest.mig');
  await setCapabilities(source.qemu.qmp, { 'mapped-ram': true });
  await setParameters(source.qemu.qmp, { 'max-bandwidth': 0 });
  await migrate(source.qemu.qmp, `file:${file}`);
  expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  await source.qemu.kill();
  expectEarlyIn(file);
  const { ram, machineType, rawDeviceState } = openMappedRam(file);
  await using target = await start(folder, 'target', setting);
  const guest = { ram, machineType, rawDeviceState: () => rawDeviceState };
  const { info } = await sendTo(target.qemu, guest, folder.file('migration'), {});
  expect(info).toMatchObject({ status: 'completed' });
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
}

/** The early sections stand where QEMU has them, and are told apart from the others. */
function expectEarlyIn(file: string): void {
  const { sections, devices = [] } = inspectFile(file);
  expect(sections.slice(0, 3).map(({ kind }) => kind)).toEqual(['start', 'full', 'full']);
  expect(devices.map(({ early }) => early === true)).toEqual(devices.map((_, index) => index < 2));
  expect(devices[0]?.state).toHaveProperty('size');
}
