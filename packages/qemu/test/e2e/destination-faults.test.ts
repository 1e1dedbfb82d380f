import { allocateGuestRam, type MigrationParameters } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { installedQemus } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu } from '../support/qemu.js';
import { createRam, firstDifference } from '../support/ram-files.js';
import { receivedPath, receiveFrom } from '../support/receive.js';
import { sendTo } from '../support/send.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const here = installedQemus();

/** What becomes of RAM that held something else (docs/wire.md, 6). */
function outcome(zeroPageDetection: string): string {
  return zeroPageDetection === 'multifd' ? 'old bytes stay where zeros should be' : 'the same RAM';
}

describe.runIf(here.includes('10.0'))('a real QEMU 10.0 that does not take our guest', () => {
  /** Our parameters, and what we say. A QEMU that gets a channel too many may crash (docs/wire.md, 4.5). */
  const faults: readonly {
    readonly title: string;
    readonly machineType?: string;
    readonly parameters: Partial<MigrationParameters>;
    readonly code: string;
  }[] = [
    { title: 'more channels than it has', parameters: { multifdChannels: 3 }, code: 'peer-closed' },
    { title: 'fewer channels than it has', parameters: { multifdChannels: 1 }, code: 'timeout' },
    {
      title: 'another machine type',
      machineType: 'pc-i440fx-10.0',
      parameters: {},
      code: 'peer-closed',
    },
  ];
  for (const { title, machineType = 'pc-q35-10.0', parameters, code } of faults)
    it(title, async () => {
      using folder = new TestFolder();
      const ram = { name: 'pc.ram', size: 64 * MIB, path: folder.file('ram') };
      const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
      await using target = await Qemu.start({ ...common, name: 'target', ram: [ram], incoming: true });
      const guest = { ram: allocateGuestRam([{ name: 'pc.ram', length: ram.size }]), machineType };
      const limits = { stallTimeout: 2000, setupTimeout: 2000 };
      const sent = sendTo(target, guest, folder.file('mig'), { ...limits, ...parameters }, 2);
      await expect(sent).rejects.toMatchObject({ cause: { code } });
    });

  it('with tls-creds: it resets each connection without a byte of TLS, so only the hint can name TLS', async () => {
    using folder = new TestFolder();
    const ram = { name: 'pc.ram', size: 64 * MIB, path: folder.file('ram') };
    await using target = await Qemu.start({
      release: '10.0',
      machine: 'q35',
      folder: folder.path,
      name: 'target',
      ram: [ram],
      incoming: true,
      extra: ['-object', 'tls-creds-anon,id=tls,endpoint=server'],
    });
    await target.qmp.execute('migrate-set-parameters', { 'tls-creds': 'tls' });
    const guest = {
      ram: allocateGuestRam([{ name: 'pc.ram', length: ram.size }]),
      machineType: 'pc-q35-10.0',
    };
    const sent = sendTo(target, guest, folder.file('mig'), {});
    // If QEMU answers in TLS one day, the message itself will name it, and this fails.
    await expect(sent).rejects.toMatchObject({
      cause: { code: 'peer-closed', hint: expect.stringContaining('tls-creds must fit') },
    });
    await until('QEMU says why', () => target.log().includes('TLS handshake failed'));
  });

  for (const zeroPageDetection of ['multifd', 'legacy', 'none'] as const)
    it(`10.0 whose memory is not fresh, ${zeroPageDetection}: ${outcome(zeroPageDetection)}`, async () => {
      using folder = new TestFolder();
      const ram = { name: 'pc.ram', size: 64 * MIB, path: folder.file('source') };
      createRam(ram, 9, {});
      const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
      await using source = await Qemu.start({ ...common, name: 'source', ram: [ram] });
      const { result } = await receiveFrom(source, { folder: folder.path, channels: 2 });
      const stale = { ...ram, path: folder.file('target') };
      createRam(stale, 1234);
      await using target = await Qemu.start({ ...common, name: 'target', ram: [stale], incoming: true });
      await sendTo(
        target,
        { ram: result.ram, machineType: result.machineType, deviceState: () => result.deviceState ?? [] },
        folder.file('mig'),
        { zeroPageDetection },
      );
      const index = result.ram.blocks.findIndex(({ name }) => name === 'pc.ram');
      const difference = firstDifference(receivedPath(folder.path, index), stale.path, ram.size);
      if (zeroPageDetection === 'multifd') expect(difference).toBeGreaterThanOrEqual(0);
      else expect(difference).toBeUndefined();
    });

  it('7.2 guest to 10.0, by its machine type', async () => {
    if (!here.includes('7.2')) return;
    using folder = new TestFolder();
    const ram = { name: 'pc.ram', size: 64 * MIB, path: folder.file('source') };
    createRam(ram, 9, {});
    const common = { machine: 'pc-q35-7.2', folder: folder.path };
    await using source = await Qemu.start({ ...common, release: '7.2', name: 'source', ram: [ram] });
    const { result } = await receiveFrom(source, { folder: folder.path, channels: 2 });
    const loaded = { ...ram, path: folder.file('target') };
    await using target = await Qemu.start({
      ...common,
      release: '10.0',
      name: 'target',
      ram: [loaded],
      incoming: true,
    });
    const { info } = await sendTo(
      target,
      { ram: result.ram, machineType: result.machineType, deviceState: () => result.deviceState ?? [] },
      folder.file('mig'),
      { multifdFlushAfterEachSection: true },
    );
    expect(info).toMatchObject({ status: 'completed' });
    expect(firstDifference(ram.path, loaded.path, ram.size)).toBeUndefined();
  });
});
