import { describe, expect, it } from 'vitest';
import { queryStatus } from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { CONTROL } from '../support/boot-code.js';
import { BusyRam } from '../support/busy-ram.js';
import { CODEC_MODULES, type CodecName, LEVELS, levelSetting, whyNot } from '../support/codecs.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference, readControl } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const OLD = { zeroPageDetection: 'legacy', multifdFlushAfterEachSection: true } as const;
/** Pages with content in a guest: few, since the highest levels take a second for each MiB or two. */
const USED_PAGES = 1200;

interface Case {
  readonly release: QemuRelease;
  readonly codec: CodecName;
  readonly level: number;
  readonly channels: number;
  readonly detection: 'legacy' | 'multifd';
  readonly running?: boolean;
}

const here = installedQemus();
const codecs: readonly CodecName[] = ['zlib', 'zstd'];
const missing = new Map(await Promise.all(codecs.map(async (name) => [name, await whyNot(name)] as const)));

const CASES: readonly Case[] = codecs.flatMap((codec) => [
  ...LEVELS[codec].flatMap((level) =>
    [1, 4].flatMap((channels): Case[] => [
      { release: '7.2', codec, level, channels, detection: 'legacy' },
      { release: '10.0', codec, level, channels, detection: 'legacy' },
      { release: '10.0', codec, level, channels, detection: 'multifd' },
    ]),
  ),
  { release: '10.0', codec, level: 1, channels: 2, detection: 'multifd', running: true } as const,
]);

describe.runIf(here.length > 0)('a real QEMU compresses for us, and we for a real QEMU', () => {
  for (const each of CASES.filter(({ release }) => here.includes(release))) {
    it.skipIf(missing.get(each.codec) !== undefined)(title(each), () => thereAndBack(each));
  }
});

function title({ release, codec, level, channels, detection, running = false }: Case): string {
  const reason = missing.get(codec);
  const what = `${release}, ${codec} level ${level}, ${channels} channels, ${detection}`;
  return `${what}, ${running ? 'running' : 'paused'}${reason === undefined ? '' : `: ${reason}`}`;
}

/** A guest comes to us from one QEMU and goes on to another, compressed both times. */
async function thereAndBack(each: Case): Promise<void> {
  const { release, codec, level, channels, detection, running = false } = each;
  using folder = new TestFolder();
  const ram: RamFile = { name: 'pc.ram', size: 32 * MIB, path: folder.file('source') };
  createRam(ram, level + 1, { dirtyBase: 16 * MIB, dirtyPages: running ? 256 : 0 }, USED_PAGES);
  const common = { release, machine: 'q35', folder: folder.path };
  const compression = { 'multifd-compression': codec, ...levelSetting(codec, level) } as const;
  const codecHere = { methodModules: [CODEC_MODULES[codec]], methodSettings: levelSetting(codec, level) };

  await using source = await Qemu.start({ ...common, name: 'source', ram: [ram], running });
  if (running)
    await until('the guest has dirtied all it can', () => readControl(ram.path, CONTROL.rounds) > 256);
  const { result, info } = await receiveFrom(source, {
    folder: folder.path,
    channels,
    ...codecHere,
    parameters: { multifdCompression: codec },
    qemu: compression,
    ...(release === '7.2' ? {} : { zeroPageDetection: detection }),
  });
  expect(info.status).toBe('completed');
  const index = result.ram.blocks.findIndex(({ name }) => name === 'pc.ram');
  expect(firstDifference(receivedPath(folder.path, index), ram.path, ram.size)).toBeUndefined();
  const received = result.statistics;
  if (level > 0 || codec === 'zstd') expect(received.multifdBytes).toBeLessThan(0.8 * received.normalBytes);
  await source.kill();

  const target: RamFile = { name: 'pc.ram', size: ram.size, path: folder.file('target') };
  await using destination = await Qemu.start({ ...common, name: 'target', ram: [target], incoming: true });
  const guest = {
    ram: result.ram,
    machineType: result.machineType,
    deviceState: () => result.deviceState ?? [],
  };
  const parameters = {
    multifdChannels: channels,
    multifdCompression: codec,
    ...(release === '7.2' ? OLD : { zeroPageDetection: detection }),
  };
  const sent = await sendTo(destination, guest, folder.file('migration'), parameters, channels, {
    ...codecHere,
    qemu: compression,
  });
  expect(sent.info.status).toBe('completed');
  expect(firstDifference(receivedPath(folder.path, index), target.path, ram.size)).toBeUndefined();
  if (level > 0 || codec === 'zstd') {
    const { multifdBytes, normalBytes } = sent.result.statistics;
    expect(multifdBytes).toBeLessThan(0.8 * normalBytes);
  }
}

describe.runIf(here.length > 0)('a guest that is written to while we compress it goes to a real QEMU', () => {
  for (const release of here) {
    for (const codec of codecs) {
      for (const detection of release === '7.2' ? (['legacy'] as const) : (['legacy', 'multifd'] as const)) {
        it.skipIf(missing.get(codec) !== undefined)(`${release}, ${codec}, ${detection}`, () =>
          busy(release, codec, detection),
        );
      }
    }
  }
});

async function busy(release: QemuRelease, codec: CodecName, detection: 'legacy' | 'multifd'): Promise<void> {
  using folder = new TestFolder();
  const ram: RamFile = { name: 'pc.ram', size: 32 * MIB, path: folder.file('source') };
  createRam(ram, 5, {}, USED_PAGES);
  const common = { release, machine: 'q35', folder: folder.path };
  await using source = await Qemu.start({ ...common, name: 'source', ram: [ram] });
  const { result } = await receiveFrom(source, { folder: folder.path, channels: 2 });
  await source.kill();
  const index = result.ram.blocks.findIndex(({ name }) => name === 'pc.ram');
  const copy = receivedPath(folder.path, index);
  // The first MiB is the firmware's and the guest's own.
  using running = new BusyRam(result.ram, index, copy, MIB / 4096, 9);

  const target: RamFile = { name: 'pc.ram', size: ram.size, path: folder.file('target') };
  await using destination = await Qemu.start({ ...common, name: 'target', ram: [target], incoming: true });
  const guest = {
    ...running.guest,
    machineType: result.machineType,
    deviceState: () => result.deviceState ?? [],
  };
  const parameters = {
    multifdChannels: 2,
    multifdCompression: codec,
    // Stopped after the first rounds, however busy the machine is.
    downtimeLimit: 2_000_000,
    ...(release === '7.2' ? OLD : { zeroPageDetection: detection }),
  };
  const before = running.writes;
  const sent = await sendTo(destination, guest, folder.file('migration'), parameters, 2, {
    methodModules: [CODEC_MODULES[codec]],
    qemu: { 'multifd-compression': codec },
  });
  expect(sent.info.status).toBe('completed');
  expect(running.writes).toBeGreaterThan(before);
  expect(sent.result.statistics.dirtySyncCount).toBeGreaterThanOrEqual(3);
  running.save(copy);
  expect(firstDifference(copy, target.path, ram.size)).toBeUndefined();
}

describe.runIf(here.includes('10.0'))('a QEMU that compresses otherwise than we', () => {
  for (const [theirs, ours] of [
    ['zlib', 'zstd'],
    ['zstd', 'zlib'],
    ['zstd', 'none'],
    ['none', 'zlib'],
  ] as const) {
    const reason = missing.get(ours === 'none' ? 'zlib' : ours);
    it.skipIf(reason !== undefined)(
      `${theirs} there, ${ours} here: refused, and the guest stays`,
      async () => {
        using folder = new TestFolder();
        const ram: RamFile = { name: 'pc.ram', size: 32 * MIB, path: folder.file('source') };
        createRam(ram, 3, {}, USED_PAGES);
        await using source = await Qemu.start({
          release: '10.0',
          machine: 'q35',
          folder: folder.path,
          name: 'source',
          ram: [ram],
        });
        const receiving = receiveFrom(source, {
          folder: folder.path,
          channels: 2,
          returnPath: true,
          methodModules: ours === 'none' ? [] : [CODEC_MODULES[ours]],
          parameters: { multifdCompression: ours },
          qemu: { 'multifd-compression': theirs },
        });
        await expect(receiving).rejects.toThrow(
          new RegExp(
            `channel \\d, packet \\d+: compression flags .*expected ${ours} .*which this end uses, got ${theirs} `,
          ),
        );
        expect((await queryStatus(source.qmp)).status).not.toBe('postmigrate');
      },
    );
  }
});
