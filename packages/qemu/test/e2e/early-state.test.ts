import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { DirtyBitmap, type Guest, type ReceiveResult, relay } from '@multifd/core';
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
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { plugMemory } from '../support/plug.js';
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
  readonly release: QemuRelease;
  /** Default: `q35`. */
  readonly machine?: string;
  readonly requested: '0' | '64M';
  readonly running: boolean;
  /** Memory of the first device that a source has plugged, as a driver in its guest would have. */
  readonly plugged?: boolean;
}

/** Bytes, in `/vm0`: 11 blocks of the device. */
const PLUGGED = 22 * MIB;
/** In each of its pages. */
const CONTENT = 0x5eed;

/** Nothing in our guest drives the device: all of its memory stays unplugged, whatever size is asked for. */
function virtioMem(requested: string, files: readonly string[]): string[] {
  const devices = files.map((path, index) => [
    ...['-object', `memory-backend-file,id=vm${index},size=256M,mem-path=${path},share=on`],
    ...['-device', `virtio-mem-pci,id=vmem${index},memdev=vm${index},requested-size=${requested}`],
  ]);
  return ['-m', '128M,maxmem=1G', ...devices.flat()];
}

const here = installedQemus();

describe.runIf(here.includes('10.0'))('QEMU with early device state (virtio-mem)', () => {
  for (const setting of [
    { release: '10.0', requested: '0', running: true },
    { release: '10.0', requested: '64M', running: false },
    { release: '11.1', requested: '64M', running: true },
    { release: '10.0', requested: '64M', running: false, plugged: true },
    { release: '11.1', requested: '64M', running: false, plugged: true },
  ] as const satisfies readonly Setting[]) {
    const { release, requested, running } = setting;
    if (!here.includes(release)) continue;
    const plugged = 'plugged' in setting ? ', 22 MiB plugged' : '';
    const how = `${release}, requested-size=${requested}, ${running ? 'running' : 'paused'}${plugged}`;
    // All three where nothing is special, each once elsewhere.
    const detections = release === '10.0' && plugged === '' ? DETECTIONS : (['multifd'] as const);
    for (const zeroPageDetection of detections) {
      it(`${how}: to us, and back, ${zeroPageDetection}`, () => thereAndBack(setting, zeroPageDetection));
      it(`${how}: through a relay, ${zeroPageDetection}`, () => relayed(setting, setting, zeroPageDetection));
    }
    it(`${how}: QEMU loads the file that we stored`, () => loadOurs(setting));
    it(`${how}: we send what QEMU stored`, () => sendTheirs(setting));
  }

  it.runIf(here.includes('11.1')).each([
    ['10.0', '11.1'],
    ['11.1', '10.0'],
  ] as const)('22 MiB plugged, through a relay from %s to %s', (from, to) => {
    const common = { machine: 'pc-q35-10.0', requested: '64M', running: false, plugged: true } as const;
    return relayed({ release: from, ...common }, { release: to, ...common }, 'multifd');
  });

  it.each(here.filter((release) => release !== '7.2'))(
    '%s: a single stream without mapped-ram is read too',
    async (release) => {
      using folder = new TestFolder();
      await using source = await start(folder, 'source', { release, requested: '0', running: false });
      const file = folder.file('guest.stream');
      await setParameters(source.qemu.qmp, { 'max-bandwidth': 0 });
      await migrate(source.qemu.qmp, `file:${file}`);
      expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
      expectEarlyIn(file, release);
    },
  );

  it('several devices at once, by single sections too', async () => {
    using folder = new TestFolder();
    const setting = { release: '10.0', requested: '64M', running: true } as const;
    await using source = await start(folder, 'source', setting);
    const { result } = await receiveFrom(source.qemu, { folder: folder.path, channels: 2, returnPath: true });
    const early = result.deviceState?.filter((section) => section.early === true);
    expect(early?.map(({ idstr }) => idstr.replace(/^.*\//, ''))).toEqual([EARLY, EARLY]);
    expect(result.deviceState?.slice(0, 2)).toEqual(early);
    await back(folder, source, setting, result, { deviceState: () => result.deviceState ?? [] }, 'multifd');
  });
});

interface Machine extends AsyncDisposable {
  readonly qemu: Qemu;
  readonly ram: RamFile;
  /** Behind the devices' memory. */
  readonly devices: readonly string[];
}

async function start(folder: TestFolder, name: string, setting: Setting): Promise<Machine> {
  const plugged =
    name === 'source' && setting.plugged === true ? await storePlugged(folder, setting) : undefined;
  const machine = await launch(folder, name, setting, name !== 'source' || plugged !== undefined);
  if (plugged !== undefined) await load(machine, plugged);
  return machine;
}

async function launch(
  folder: TestFolder,
  name: string,
  setting: Setting,
  incoming: boolean,
): Promise<Machine> {
  const ram: RamFile = { name: 'pc.ram', size: 128 * MIB, path: folder.file(name) };
  if (!incoming) createRam(ram, 23, { dirtyBase: 16 * MIB, dirtyPages: 256 });
  const devices = [folder.file(`${name}-vm0`), folder.file(`${name}-vm1`)];
  const running = setting.running && !incoming;
  const qemu = await Qemu.start({
    release: setting.release,
    machine: setting.machine ?? 'q35',
    folder: folder.path,
    name,
    ram: [ram],
    ...(incoming ? { incoming } : { running }),
    extra: virtioMem(setting.requested, devices),
  });
  if (running) await until('the guest has said something', () => qemu.lines().length > 3);
  return { qemu, ram, devices, [Symbol.asyncDispose]: () => qemu.kill() };
}

/** A file of such a guest, written by QEMU, with memory plugged. */
async function storePlugged(folder: TestFolder, setting: Setting): Promise<string> {
  await using first = await launch(folder, 'first', setting, false);
  const file = folder.file('plugged.mig');
  await store(first, file);
  plugMemory(file, 'vm0', PLUGGED, CONTENT);
  return file;
}

async function store({ qemu: { qmp } }: Machine, file: string): Promise<void> {
  await setCapabilities(qmp, { 'mapped-ram': true });
  await setParameters(qmp, { 'max-bandwidth': 0 });
  await migrate(qmp, `file:${file}`);
  expect(await waitForMigration(qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  await setCapabilities(qmp, { 'mapped-ram': false });
}

async function load({ qemu }: Machine, file: string): Promise<void> {
  await setCapabilities(qemu.qmp, { 'mapped-ram': true });
  await migrateIncoming(qemu.qmp, `file:${file}`, { exitOnError: false });
  const info = await waitForMigration(qemu.qmp, ENDED, 30_000);
  expect(info, qemu.log()).toMatchObject({ status: 'completed' });
  await setCapabilities(qemu.qmp, { 'mapped-ram': false });
}

/** RAM is what the source's was, and so is what was plugged: its size as QEMU says it, and each byte of it. */
async function expectSame(setting: Setting, source: Machine, target: Machine): Promise<void> {
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
  const size = setting.plugged === true ? PLUGGED : 0;
  expect(await target.qemu.qmp.execute('query-memory-devices')).toMatchObject([
    { data: { id: 'vmem0', size } },
    { data: { id: 'vmem1', size: 0 } },
  ]);
  if (size === 0) return;
  expect(firstDifference(source.devices[0] ?? '', target.devices[0] ?? '', size)).toBeUndefined();
  const page = readFileSync(target.devices[0] ?? '').subarray(size - 4096, size);
  expect([page.readUInt32LE(0), page.readUInt32LE(4092)]).toEqual([CONTENT, size / 4096 - 1]);
}

/** What was received goes into a QEMU with the same devices, and its RAM is as it was. */
async function back(
  folder: TestFolder,
  source: Machine,
  setting: Setting,
  result: ReceiveResult,
  state: Pick<Guest, 'deviceState' | 'rawDeviceState'>,
  zeroPageDetection: (typeof DETECTIONS)[number],
): Promise<void> {
  await source.qemu.kill();
  await using target = await start(folder, 'target', { ...setting, requested: '64M' });
  const guest = { ram: result.ram, machineType: result.machineType, ...state };
  const sent = await sendTo(target.qemu, guest, folder.file('migration'), { zeroPageDetection });
  expect(sent.info.status).toBe('completed');
  await expectSame(setting, source, target);
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
  const device = blocks.findIndex(({ name }) => name.endsWith('/vm0'));
  const receivedPages = new DirtyBitmap(
    result.receivedPages[device] ?? new ArrayBuffer(0),
    (256 * MIB) / 4096,
  );
  expect(receivedPages.count()).toBe(setting.plugged === true ? PLUGGED / 4096 : 0);
  expect(result.deviceState?.[0]?.idstr).toContain(EARLY);
  expect(result.deviceState?.[0]?.early).toBe(true);
  expect(result.deviceState?.[0]?.beforeRam).toBe(setting.release === '11.1' ? true : undefined);
  await back(folder, source, setting, result, { rawDeviceState: () => result.rawDeviceState }, detection);
}

async function relayed(
  setting: Setting,
  there: Setting,
  detection: (typeof DETECTIONS)[number],
): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  await using target = await start(folder, 'target', there);
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
  await expectSame(setting, source, target);
}

async function loadOurs(setting: Setting): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  const writer = new MappedRamWriter(folder.open('guest.mig'));
  const file = writer.path;
  await receiveFrom(source.qemu, {
    folder: folder.path,
    channels: 2,
    openRam: (blocks, ahead) => writer.openRam(blocks, ahead),
    commit: (received) => writer.finish(received),
  });
  await source.qemu.kill();
  expectEarlyIn(file, setting.release);
  await using target = await start(folder, 'target', setting);
  await load(target, file);
  await expectSame(setting, source, target);
}

async function sendTheirs(setting: Setting): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, 'source', setting);
  const file = folder.file('guest.mig');
  await store(source, file);
  await source.qemu.kill();
  expectEarlyIn(file, setting.release);
  const { ram, machineType, rawDeviceState } = openMappedRam(file);
  await using target = await start(folder, 'target', setting);
  const guest = { ram, machineType, rawDeviceState: () => rawDeviceState };
  const { info } = await sendTo(target.qemu, guest, folder.file('migration'), {});
  expect(info).toMatchObject({ status: 'completed' });
  await expectSame(setting, source, target);
}

/** The early sections stand where QEMU has them, and are told apart from the others. */
function expectEarlyIn(file: string, release: QemuRelease): void {
  const { sections, devices = [] } = inspectFile(file);
  const order = release === '11.1' ? ['full', 'full', 'start'] : ['start', 'full', 'full'];
  expect(sections.slice(0, 3).map(({ kind }) => kind)).toEqual(order);
  expect(devices.map(({ early }) => early === true)).toEqual(devices.map((_, index) => index < 2));
  expect(devices[0]?.state).toHaveProperty('size');
}
