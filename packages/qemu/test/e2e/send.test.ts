import type { MigrationParameters } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { queryStatus, stop } from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference, readControl } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const OLD = { zeroPageDetection: 'legacy', multifdFlushAfterEachSection: true } as const;

interface Case {
  readonly release: QemuRelease;
  readonly machine: string;
  readonly running: boolean;
  readonly parameters: Partial<MigrationParameters>;
}

const CASES: readonly Case[] = [
  ...['pc', 'q35'].flatMap((machine) =>
    [true, false].flatMap((running) => [
      ...(['none', 'legacy', 'multifd'] as const).flatMap((zeroPageDetection) =>
        [1, 2, 4].map(
          (multifdChannels): Case => ({
            release: '10.0',
            machine,
            running,
            parameters: { multifdChannels, zeroPageDetection },
          }),
        ),
      ),
      ...[1, 2, 4].map(
        (multifdChannels): Case => ({
          release: '7.2',
          machine,
          running,
          parameters: { multifdChannels, ...OLD },
        }),
      ),
    ]),
  ),
  { release: '10.0', machine: 'pc-q35-8.0', running: true, parameters: OLD },
  { release: '10.0', machine: 'q35', running: true, parameters: { returnPath: false } },
  { release: '11.1', machine: 'pc', running: true, parameters: { zeroPageDetection: 'none' } },
  {
    release: '11.1',
    machine: 'q35',
    running: false,
    parameters: { multifdChannels: 4, zeroPageDetection: 'legacy' },
  },
  { release: '11.1', machine: 'pc-q35-8.0', running: true, parameters: OLD },
];

const here = installedQemus();

describe.runIf(here.length > 0)('we migrate a guest back to a real QEMU', () => {
  for (const each of CASES.filter(({ release }) => here.includes(release))) it(title(each), () => run(each));
});

function title({ release, machine, running, parameters }: Case): string {
  return `${release} ${machine}, ${running ? 'running' : 'paused'}, ${JSON.stringify(parameters)}`;
}

async function run({ release, machine, running, parameters }: Case): Promise<void> {
  using folder = new TestFolder();
  const ram: RamFile = { name: 'pc.ram', size: 64 * MIB, path: folder.file('source') };
  createRam(ram, 7, { dirtyBase: 16 * MIB, dirtyPages: release === '7.2' ? 0 : 256 });
  const common = { release, machine, folder: folder.path };
  await using source = await Qemu.start({ ...common, name: 'source', ram: [ram], running });
  if (running) await until('the guest has said something', () => source.lines().length > 3);
  // QEMU 7.2 under TCG loses dirty pages of a running guest: its guests are paused before.
  if (running && release === '7.2') await stop(source.qmp);
  const { result } = await receiveFrom(source, { folder: folder.path, channels: 2 });
  const rounds = readControl(ram.path, CONTROL.rounds);
  await source.kill();

  const target: RamFile = { name: 'pc.ram', size: ram.size, path: folder.file('target') };
  await using destination = await Qemu.start({ ...common, name: 'target', ram: [target], incoming: true });
  const guest = {
    ram: result.ram,
    machineType: result.machineType,
    deviceState: () => result.deviceState ?? [],
  };
  const sent = await sendTo(destination, guest, folder.file('migration'), parameters);
  expect(sent.info.status).toBe('completed');
  expect(sent.result.status).toBe('completed');
  const index = result.ram.blocks.findIndex(({ name }) => name === 'pc.ram');
  expect(firstDifference(receivedPath(folder.path, index), target.path, ram.size)).toBeUndefined();
  if (!running) return;

  // Started with -S, QEMU waits for our word even if the guest was running.
  expect((await queryStatus(destination.qmp)).status).toBe('paused');
  await destination.qmp.execute('cont');
  await until('the guest says something more', () => destination.lines().length > 3);
  expect(readControl(target.path, CONTROL.rounds)).toBeGreaterThan(rounds);
  // What both have said is one count without a gap.
  const said = `${source.serial()}${destination.serial()}`.split('\n').slice(0, -1);
  expect(said.map((line) => Number.parseInt(line, 16))).toEqual(said.map((_, at) => at + 1));
}
