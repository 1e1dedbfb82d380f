import { join } from 'node:path';
import { inspectFile } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import {
  installedQemus,
  type QemuRelease,
  RELEASES,
} from '../../../../packages/qemu/test/support/binaries.js';
import { whyNot } from '../../../../packages/qemu/test/support/codecs.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { humanMonitorCommand, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { firstDifference } from '../../../../packages/qemu/test/support/ram-files.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, startReceive } from '../helpers/cli.js';
import { type Between, Chain, type ChainSettings, UUID } from './support/chain.js';
import { ENDED, expectSameRam, listen, startTarget } from './support/guests.js';
import { expectStored, identityIn, romsIn } from './support/pages.js';

interface Case extends ChainSettings {
  readonly from: QemuRelease;
  readonly way: readonly (readonly [between: Between, to: QemuRelease])[];
}

const here = installedQemus();
const haveCodecs = (await whyNot('zlib')) === undefined && (await whyNot('zstd')) === undefined;

/** Each has a machine type of the oldest QEMU: all have those. */
const CASES: readonly Case[] = [
  {
    from: '10.0',
    way: [
      ['file:', '10.0'],
      ['relay', '7.2'],
      ['file:', '10.0'],
    ],
    machine: 'pc-q35-7.2',
    channels: 2,
  },
  {
    from: '10.0',
    way: [
      ['file:', '11.1'],
      ['relay', '7.2'],
      ['relay to relay', '11.1'],
      ['file: to file:', '10.0'],
    ],
    machine: 'pc-i440fx-7.2',
    channels: 3,
    detection: 'multifd',
  },
  {
    from: '10.0',
    way: [
      ['file: to file:', '10.0'],
      ['relay', '11.1'],
      ['relay', '7.2'],
      ['file:', '10.0'],
    ],
    machine: 'pc-q35-7.2',
    channels: 2,
    method: 'zstd',
  },
  {
    from: '10.0',
    way: [
      ['file:', '10.0'],
      ['relay to relay', '7.2'],
      ['file:', '11.1'],
    ],
    machine: 'pc-q35-7.2',
    channels: 4,
    method: 'zlib',
  },
];

describe.runIf(here.length === RELEASES.length)(
  'one guest through files, relays and QEMUs, its RAM compared at each',
  () => {
    for (const each of CASES) {
      const { from, way, machine, channels, method, detection } = each;
      const steps = way.map(([between, to]) => `${between} to ${to}`).join(' to ');
      const how = [machine, `${channels} channels`, method, detection && `source detection ${detection}`];
      it.skipIf(method !== undefined && !haveCodecs)(
        `${from} to ${steps}: ${how.filter((word) => word !== undefined).join(', ')}`,
        async () => {
          using folder = new TestFolder();
          await using chain = await Chain.begin(folder, each, from);
          for (const [between, to] of way) await chain.to(to, between);
        },
      );
    }
  },
);

describe.runIf(here.includes('10.0'))('a stored guest, and what is not all of it', () => {
  const settings = { machine: 'pc-q35-7.2', channels: 2 };
  const words = ['--channels', '2'];

  it('a QEMU 10.0 with another uuid does not take it, and the next one with its own does', async () => {
    using folder = new TestFolder();
    await using chain = await Chain.begin(folder, settings, '10.0');
    const file = await chain.store();
    const extra = ['-uuid', UUID.replace('1', '2')];
    const other = await startTarget({ ...settings, release: '10.0', folder: folder.path, extra }, 'other');
    await using _ = other.qemu;
    const refused = await run(['migrate', `file:${file}`, await listen(other, 2), ...words, '--json']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    await until('QEMU says why', () => other.qemu.log().includes('uuid'));
    await chain.load(file, '10.0');
  });

  it('its images have its memory and not its processors: QEMU 10.0 has the same RAM and is at its reset vector', async () => {
    using folder = new TestFolder();
    await using chain = await Chain.begin(folder, settings, '10.0');
    const file = await chain.store();
    const { ram } = chain.guest;
    const images = folder.file('images');
    await move(`file:${file}`, `raw:${images}`, 'dropped');
    expect(firstDifference(join(images, 'pc.ram.raw'), ram.path, ram.size)).toBeUndefined();
    const again = folder.file('again.mig');
    await move(`raw:${images}`, `file:${again}`, undefined);
    expectStored(again, ram);
    expect(romsIn(again)).toEqual(romsIn(file));
    expect(identityIn(again)).toEqual({ machine: settings.machine, uuid: UUID });
    expect(inspectFile(file).devices?.map(({ name }) => name)).toContain('cpu');
    expect(inspectFile(again).devices).toEqual([]);

    const extra = ['-uuid', UUID];
    const target = await startTarget({ ...settings, release: '10.0', folder: folder.path, extra });
    await using _ = target.qemu;
    const { qmp } = target.qemu;
    const sent = await run(['migrate', `raw:${images}`, await listen(target, 2), ...words, '--json']);
    expect(sent.code, `${sent.stderr}${target.qemu.log()}`).toBe(0);
    expect(sent.stderr).toContain('device state was dropped');
    expect(await waitForMigration(qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectSameRam(chain.guest, target);
    expect(await humanMonitorCommand(qmp, 'info registers')).toMatch(/^EIP=0000fff0 /m);
  });

  /** A guest goes from one place to another, and is verified there. */
  async function move(from: string, to: string, deviceState: 'dropped' | undefined): Promise<void> {
    const receiving = await startReceive([to, ...words, '--uuid', UUID, '--json']);
    const sent = await run(['migrate', from, receiving.address, ...words, '--verify', '--json']);
    expect(sent.code, sent.stderr).toBe(0);
    expect(JSON.parse(sent.stdout)).toMatchObject({ verified: true });
    const { code, stdout, stderr } = await receiving.ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)['device-state']).toBe(deviceState);
  }
});
