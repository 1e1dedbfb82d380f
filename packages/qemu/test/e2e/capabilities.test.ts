import { receive, relay } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import type { QemuCapability } from '../../src/qmp/capabilities.js';
import {
  migrate,
  queryStatus,
  setCapabilities,
  setParameters,
  stop,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference, readControl } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const here = installedQemus();

interface Taken {
  readonly capabilities: readonly QemuCapability[];
  readonly releases: readonly QemuRelease[];
}

/** What a source may have on, beside multifd, without a word about it in what we need. */
const TAKEN: readonly Taken[] = [
  // 10.0 does not allow it together with multifd.
  { capabilities: ['postcopy-ram'], releases: ['11.1'] },
  { capabilities: ['postcopy-ram', 'postcopy-blocktime', 'dirty-bitmaps'], releases: ['11.1'] },
  { capabilities: ['dirty-bitmaps', 'events', 'late-block-activate'], releases: ['10.0', '11.1'] },
  { capabilities: ['auto-converge', 'release-ram'], releases: ['11.1'] },
];

describe.runIf(here.length > 0)('capabilities of a source that do not keep its guest from us', () => {
  for (const { capabilities, releases } of TAKEN)
    for (const release of releases.filter((each) => here.includes(each)))
      it(`${release}: ${capabilities.join(', ')}, and back`, () => thereAndBack(release, capabilities));
});

describe.runIf(here.includes('11.1'))('a source that really goes over to postcopy', () => {
  it('11.1: is refused when it does, and its guest runs on there', async () => {
    using folder = new TestFolder();
    await using source = await start(folder, '11.1', true);
    const { qmp } = source.qemu;
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters: { multifdChannels: 2 } });
    await setCapabilities(qmp, { multifd: true, 'return-path': true, 'postcopy-ram': true });
    // So slow that it is still in its first round.
    await setParameters(qmp, { 'multifd-channels': 2, 'max-bandwidth': 4 * MIB });
    await migrate(qmp, incoming.address);
    await waitForMigration(qmp, ['active'], 30_000);
    await qmp.execute('migrate-start-postcopy');
    const error: unknown = await incoming.result.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'incompatible', hint: expect.stringMatching(/postcopy/) });
    expect(String(error)).toMatch(/POSTCOPY|PACKAGED/);
    expect(await waitForMigration(qmp, ['failed', 'completed', 'postcopy-paused'], 30_000)).toMatchObject({
      status: 'failed',
    });
    expect((await queryStatus(qmp)).status).toBe('running');
    const rounds = readControl(source.ram.path, CONTROL.rounds);
    await until('the guest runs on', () => readControl(source.ram.path, CONTROL.rounds) !== rounds);
  });
});

describe.runIf(here.includes('11.1'))('a source with x-colo', () => {
  for (const [kind, transport] of [
    ['receive', 'tcp'],
    ['receive', 'unix'],
    ['relay', 'tcp'],
  ] as const)
    it(`11.1, ${kind}, ${transport}: keeps its guest when told, and we say that it may; then it can go on there`, async () => {
      using folder = new TestFolder();
      await using source = await start(folder, '11.1', true);
      const { qmp } = source.qemu;
      const parameters = { multifdChannels: 2, stallTimeout: 8000 };
      const behind = kind === 'relay' ? await receive({ listen: 'tcp:127.0.0.1:0', parameters }) : undefined;
      const listen = transport === 'tcp' ? 'tcp:127.0.0.1:0' : `unix:${folder.file('socket')}`;
      const incoming =
        behind === undefined
          ? await receive({ listen, parameters })
          : await relay({
              listen,
              to: behind.address,
              incoming: parameters,
              outgoing: { ...parameters, zeroPageDetection: 'none' },
            });
      await setCapabilities(qmp, { multifd: true, 'return-path': true, 'x-colo': true });
      await setParameters(qmp, { 'multifd-channels': 2, 'max-bandwidth': 0 });
      await migrate(qmp, incoming.address);
      expect(await incoming.result).toMatchObject({ status: 'completed', guest: 'either' });
      if (behind !== undefined) expect((await behind.result).guest).toBe('either');
      expect((await waitForMigration(qmp, ['colo', 'failed', 'completed'], 30_000)).status).toBe('colo');
      // What the hint says: the guest that stands still there can be told to go on there, alone.
      await qmp.execute('x-colo-lost-heartbeat');
      await waitForMigration(qmp, ['completed', 'failed'], 30_000);
      await until('the guest runs there', async () => (await queryStatus(qmp)).status === 'running');
    });
});

async function thereAndBack(release: QemuRelease, capabilities: readonly QemuCapability[]): Promise<void> {
  using folder = new TestFolder();
  await using source = await start(folder, release, true);
  // With postcopy-ram on, 11.1 under TCG loses pages that a running guest dirties, from QEMU to QEMU too.
  if (capabilities.includes('postcopy-ram')) await stop(source.qemu.qmp);
  await setCapabilities(source.qemu.qmp, Object.fromEntries(capabilities.map((name) => [name, true])));
  const { result, info } = await receiveFrom(source.qemu, {
    folder: folder.path,
    channels: 2,
    returnPath: true,
  });
  expect(info.status).toBe('completed');
  const index = result.ram.blocks.findIndex(({ name }) => name === 'pc.ram');
  const received = receivedPath(folder.path, index);
  // release-ram gives the source's memory back as it goes.
  if (!capabilities.includes('release-ram'))
    expect(firstDifference(received, source.ram.path, source.ram.size)).toBeUndefined();
  await source.qemu.kill();
  await using target = await start(folder, release, false);
  const { ram, machineType, configuration, rawDeviceState } = result;
  const guest = { ram, machineType, configuration, rawDeviceState: () => rawDeviceState };
  expect((await sendTo(target.qemu, guest, folder.file('migration'), {})).info.status).toBe('completed');
  expect(firstDifference(received, target.ram.path, source.ram.size)).toBeUndefined();
}

async function start(folder: TestFolder, release: QemuRelease, isSource: boolean) {
  const name = isSource ? 'source' : 'target';
  const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file(`${name}-ram`) };
  if (isSource) createRam(ram, 41, { dirtyBase: 16 * MIB, dirtyPages: 64 });
  const role = isSource ? { running: true } : { incoming: true };
  const qemu = await Qemu.start({ release, machine: 'q35', folder: folder.path, name, ram: [ram], ...role });
  if (isSource) await until('the guest has said something', () => qemu.lines().length > 3);
  return { qemu, ram, [Symbol.asyncDispose]: () => qemu.kill() };
}
