import { describe, expect, it } from 'vitest';
import { queryStatus } from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference, readControl } from '../support/ram-files.js';
import { type Received, receivedPath, receiveFrom } from '../support/receive.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

interface Case {
  readonly release: QemuRelease;
  readonly machine: string;
  readonly channels: number;
  readonly zeroPageDetection?: 'none' | 'legacy' | 'multifd';
  readonly returnPath?: boolean;
  readonly running?: boolean;
  readonly blocks?: number;
  readonly extra?: readonly string[];
}

const MODES = ['none', 'legacy', 'multifd'] as const;

const CASES: readonly Case[] = [
  ...['pc', 'q35'].flatMap((machine) =>
    [1, 2, 4].flatMap((channels): Case[] => [
      ...MODES.map((zeroPageDetection): Case => ({ release: '10.0', machine, channels, zeroPageDetection })),
      { release: '7.2', machine, channels },
    ]),
  ),
  ...MODES.flatMap((zeroPageDetection) =>
    ['pc', 'q35'].map(
      (machine): Case => ({ release: '10.0', machine, channels: 2, zeroPageDetection, running: true }),
    ),
  ),
  { release: '10.0', machine: 'q35', channels: 16, zeroPageDetection: 'multifd', running: true },
  { release: '10.0', machine: 'q35', channels: 2, returnPath: true },
  { release: '10.0', machine: 'q35', channels: 2, returnPath: true, running: true },
  { release: '7.2', machine: 'q35', channels: 2, returnPath: true },
  { release: '7.2', machine: 'q35', channels: 16 },
  { release: '10.0', machine: 'pc-q35-8.0', channels: 2, running: true },
  { release: '10.0', machine: 'pc-q35-8.2', channels: 2, running: true },
  { release: '10.0', machine: 'pc-q35-7.2', channels: 4, zeroPageDetection: 'multifd' },
  { release: '10.0', machine: 'q35', channels: 2, blocks: 3, running: true },
  { release: '7.2', machine: 'pc', channels: 4, blocks: 3 },
  { release: '11.1', machine: 'q35', channels: 1, zeroPageDetection: 'legacy' },
  { release: '11.1', machine: 'pc', channels: 4, zeroPageDetection: 'none', blocks: 3 },
  { release: '11.1', machine: 'q35', channels: 16, running: true, returnPath: true },
  { release: '11.1', machine: 'pc-q35-8.0', channels: 2, running: true },
  { release: '11.1', machine: 'pc-q35-7.2', channels: 2, zeroPageDetection: 'multifd' },
  { release: '10.0', machine: 'q35', channels: 2, extra: ['-device', 'VGA,romfile='] },
];

const here = installedQemus();

describe.runIf(here.length > 0)('a real QEMU migrates to us', () => {
  for (const each of CASES.filter(({ release }) => here.includes(release))) it(title(each), () => run(each));
});

function title(each: Case): string {
  const { release, machine, channels, zeroPageDetection, returnPath, running, blocks, extra } = each;
  return [
    `${release} ${machine}`,
    `${channels} channels`,
    zeroPageDetection ?? 'default detection',
    running === true ? 'running' : 'paused',
    ...(returnPath === true ? ['return path'] : []),
    ...(blocks === undefined ? [] : [`${blocks} blocks`]),
    ...(extra === undefined ? [] : [extra.join(' ')]),
  ].join(', ');
}

async function run(each: Case): Promise<void> {
  const { release, machine, running = false, blocks = 1, extra = [] } = each;
  using folder = new TestFolder();
  const names = blocks === 1 ? ['pc.ram'] : Array.from({ length: blocks }, (_, index) => `ram${index}`);
  const ram = names.map(
    (name, index): RamFile => ({ name, size: 64 * MIB, path: folder.file(`source-${index}`) }),
  );
  ram.forEach((file, index) => {
    createRam(file, index, index === 0 ? { dirtyBase: 16 * MIB, dirtyPages: 1024 } : undefined);
  });
  await using source = await Qemu.start({
    release,
    machine,
    folder: folder.path,
    name: 'source',
    ram,
    running,
    extra,
  });
  const first = ram[0]?.path ?? '';
  if (running)
    await until('the guest has dirtied all it can', () => readControl(first, CONTROL.rounds) > 1024);
  const received = await receiveFrom(source, { ...each, folder: folder.path });
  expect(received.info.status).toBe('completed');
  expect((await queryStatus(source.qmp)).status).toBe('postmigrate');
  expectSameRam(received, ram, folder.path);
  const names2 = received.result.deviceState?.map(({ idstr }) => idstr);
  // 11.1 begins with another one.
  expect(names2?.[0]).toBe(release === '11.1' ? 'apic' : 'timer');
  expect(names2).toContain('globalstate');
}

function expectSameRam(received: Received, ram: readonly RamFile[], folder: string): void {
  const different = ram.flatMap(({ name, size, path }) => {
    const index = received.blocks.findIndex((block) => block.name === name);
    const at = index < 0 ? -1 : firstDifference(receivedPath(folder, index), path, size);
    return at === undefined ? [] : [`${name} at ${at}`];
  });
  expect(different).toEqual([]);
}
