import { describe, expect, it } from 'vitest';
import {
  installedQemus,
  type QemuRelease,
  RELEASES,
} from '../../../../packages/qemu/test/support/binaries.js';
import { whyNot } from '../../../../packages/qemu/test/support/codecs.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { queryMigrate, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { type Running, start } from '../helpers/cli.js';
import {
  ENDED,
  expectCountGoesOn,
  expectRunsOn,
  expectSameRam,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';

const MIB = 2 ** 20;
const here = installedQemus();
const haveCodecs = (await whyNot('zlib')) === undefined && (await whyNot('zstd')) === undefined;

interface Case {
  readonly from: QemuRelease;
  readonly to: QemuRelease;
  readonly machine: string;
  /** The source's, and the destination's. */
  readonly channels: readonly [number, number];
  /** The source QEMU's. */
  readonly detection?: 'none' | 'legacy' | 'multifd';
  readonly options: string;
  /** The source waits for no answer, which the relay tells its destination by a PING. */
  readonly returnPath?: false;
  /** The source's method, and the destination's; the relay is told of both. */
  readonly compression?: readonly [Method, Method];
}

type Method = 'none' | 'zlib' | 'zstd';

const NEW = { from: '10.0', to: '10.0' } as const;

const CASES: readonly Case[] = [
  { ...NEW, machine: 'q35', channels: [2, 2], options: '' },
  { ...NEW, machine: 'q35', channels: [1, 4], detection: 'multifd', options: '--zero-page-detection legacy' },
  { ...NEW, machine: 'pc', channels: [4, 1], detection: 'legacy', options: '--zero-page-detection multifd' },
  { ...NEW, machine: 'pc', channels: [2, 8], detection: 'none', options: '--zero-page-detection multifd' },
  { ...NEW, machine: 'q35', channels: [8, 2], detection: 'multifd', options: '--zero-page-detection none' },
  { ...NEW, machine: 'pc-q35-8.0', channels: [2, 3], options: '' },
  { ...NEW, machine: 'pc-q35-8.2', channels: [3, 2], options: '--machine-compat 8.2' },
  { from: '7.2', to: '10.0', machine: 'pc-q35-7.2', channels: [2, 2], options: '--machine-compat 7.2' },
  { from: '7.2', to: '10.0', machine: 'pc-i440fx-7.2', channels: [4, 2], options: '' },
  { from: '10.0', to: '7.2', machine: 'pc-q35-7.2', channels: [2, 4], options: '--machine-compat 7.2' },
  { from: '7.2', to: '7.2', machine: 'q35', channels: [1, 3], options: '' },
  { from: '11.1', to: '11.1', machine: 'q35', channels: [2, 3], options: '' },
  { from: '10.0', to: '11.1', machine: 'pc-q35-10.0', channels: [2, 2], options: '' },
  { from: '11.1', to: '10.0', machine: 'pc-q35-10.0', channels: [4, 2], options: '' },
  { ...NEW, machine: 'q35', channels: [2, 2], options: '', returnPath: false },
  { from: '7.2', to: '7.2', machine: 'q35', channels: [2, 2], options: '', returnPath: false },
  { from: '11.1', to: '11.1', machine: 'q35', channels: [2, 2], options: '', returnPath: false },
  { ...NEW, machine: 'q35', channels: [2, 2], options: '', compression: ['none', 'zstd'] },
  { ...NEW, machine: 'q35', channels: [2, 4], options: '', compression: ['none', 'zlib'] },
  { ...NEW, machine: 'q35', channels: [2, 3], options: '', compression: ['zstd', 'none'] },
  {
    from: '7.2',
    to: '10.0',
    machine: 'pc-q35-7.2',
    channels: [1, 4],
    options: '--multifd-zstd-level 9',
    compression: ['zlib', 'zstd'],
  },
];

describe('multifd relay, between two QEMUs', () => {
  for (const each of CASES.filter(({ from, to }) => here.includes(from) && here.includes(to))) {
    const { from, to, machine, channels, detection, options } = each;
    const counts = `${channels[0]} channels to ${channels[1]}`;
    const how = `source detection ${detection ?? 'default'}, ${options || 'no options'}`;
    const methods = each.compression === undefined ? '' : `, ${each.compression.join(' to ')}`;
    const silent = each.returnPath === false ? ', no return path' : '';
    it.skipIf(methods !== '' && !haveCodecs)(
      `${from} to ${to}, ${machine}, ${counts}, ${how}${methods}${silent}`,
      () => relayed(each),
    );
  }

  it.runIf(here.length === RELEASES.length)(
    '7.2 to 10.0 to 11.1 and back, by a relay for each step, pc-q35-7.2',
    () => chained(['7.2', '10.0', '11.1', '10.0', '7.2'], 'pc-q35-7.2'),
    240_000,
  );

  it.runIf(here.includes('10.0'))(
    '10.0 to 10.0: the destination dies midway, and the guest runs on at its source',
    async () => {
      using folder = new TestFolder();
      const common = { release: '10.0', machine: 'q35', folder: folder.path, size: 128 * MIB } as const;
      const source = await startSource(common);
      await using _ = source.qemu;
      const target = await startTarget(common);
      await using __ = target.qemu;
      const relaying = startRelay(await listen(target, 2), ['--channels', '2']);
      const address = await relaying.says(/listening on (tcp:\S+)/);
      await migrateTo(source, address, { 'multifd-channels': 2, 'max-bandwidth': 8 * MIB });
      await until('pages flow', async () => ((await queryMigrate(source.qemu.qmp)).ram?.normal ?? 0) > 500);
      await target.qemu.kill();
      const { code, stdout, stderr } = await relaying.ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^multifd: (?!listening).+$/m);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed' });
      // Told by the end of the connection, not by the stall timeout.
      expect(stderr).not.toMatch(/stall|for \d+ s/);
      expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
      await expectRunsOn(source);
    },
  );

  it.runIf(here.includes('10.0'))(
    '10.0 to 10.0: the destination refuses the device state, and the guest runs on at its source, which is told',
    async () => {
      using folder = new TestFolder();
      const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
      const source = await startSource({ ...common, extra: ['-device', 'virtio-rng-pci'] });
      await using _ = source.qemu;
      const target = await startTarget(common);
      await using __ = target.qemu;
      const relaying = startRelay(await listen(target, 2), ['--channels', '2']);
      await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
      const { code, stdout, stderr } = await relaying.ended;
      expect(code, stderr).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
      expect(stderr).toMatch(
        /SHUT 1.*\nhint: .*the guest was not handed over: it is at its source, if that still runs/,
      );
      expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'failed' });
      await expectRunsOn(source);
    },
  );

  it.runIf(here.includes('7.2') && here.includes('10.0'))(
    '10.0 to 7.2: options that contradict the machine type are told, and named when the destination fails',
    async () => {
      using folder = new TestFolder();
      const common = { machine: 'pc-q35-7.2', folder: folder.path } as const;
      const source = await startSource({ ...common, release: '10.0' });
      await using _ = source.qemu;
      const target = await startTarget({ ...common, release: '7.2' });
      await using __ = target.qemu;
      const options = ['--channels', '2', '--machine-compat', '10.0', '--stall-timeout', '8000'];
      const relaying = startRelay(await listen(target, 2), options);
      await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
      const { code, stdout, stderr } = await relaying.ended;
      expect(code, stderr).not.toBe(0);
      expect(stderr).toContain(
        'multifd: machine type pc-q35-7.2: it wants a sync with each section and zero pages',
      );
      const { hint } = JSON.parse(stdout);
      expect(hint).toMatch(/^the options contradict machine type pc-q35-7\.2: leave out --machine-compat /);
      expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
      await expectRunsOn(source);
    },
  );
});

/** One guest from QEMU to QEMU; each has ended when the next one's turn is over. */
async function chained(releases: readonly QemuRelease[], machine: string): Promise<void> {
  using folder = new TestFolder();
  const [first = '7.2', ...others] = releases;
  const source = await startSource({ release: first, machine, folder: folder.path });
  let guest = source;
  try {
    for (const [step, release] of others.entries()) {
      const next = await startTarget({ release, machine, folder: folder.path }, `step-${step}`);
      const last = guest;
      guest = next;
      await using _ = last.qemu;
      const relaying = startRelay(await listen(next, 2), ['--channels', '2']);
      await migrateTo(last, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
      const { code, stderr } = await relaying.ended;
      expect(code, `step ${step}: ${stderr}${last.qemu.log()}${next.qemu.log()}`).toBe(0);
      const info = await waitForMigration(next.qemu.qmp, ENDED, 60_000);
      expect(info, `step ${step}`).toMatchObject({ status: 'completed' });
    }
    expectSameRam(source, guest);
    await expectCountGoesOn(source, guest);
  } finally {
    await guest.qemu.kill();
  }
}

async function relayed(each: Case): Promise<void> {
  const { from, to, machine, channels, detection, options, compression = ['none', 'none'] } = each;
  using folder = new TestFolder();
  const source = await startSource({ release: from, machine, folder: folder.path });
  await using _ = source.qemu;
  const target = await startTarget({ release: to, machine, folder: folder.path });
  await using __ = target.qemu;
  const words = options === '' ? [] : options.split(' ');
  const counts = ['--channels', `${channels[0]}`, '--outgoing-multifd-channels', `${channels[1]}`];
  const methods = ['--multifd-compression', compression[0], '--outgoing-multifd-compression', compression[1]];
  const destination = await listen(target, channels[1], { 'multifd-compression': compression[1] });
  const relaying = startRelay(destination, [...counts, ...methods, ...words]);
  const { returnPath = true } = each;
  const parameters = {
    'multifd-channels': channels[0],
    'multifd-compression': compression[0],
    ...(detection === undefined ? {} : { 'zero-page-detection': detection }),
  };
  await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), parameters, returnPath);
  const { code, stdout, stderr } = await relaying.ended;
  expect(code, `${stderr}${source.qemu.log()}${target.qemu.log()}`).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'completed',
    incoming: { channels: channels[0], compression: { name: compression[0] } },
    outgoing: { channels: channels[1], compression: { name: compression[1] } },
  });
  expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
  expectSameRam(source, target);
  await expectCountGoesOn(source, target);
}

function startRelay(destination: string, options: readonly string[]): Running {
  return start(['relay', 'tcp:127.0.0.1:0', destination, ...options, '--json']);
}
