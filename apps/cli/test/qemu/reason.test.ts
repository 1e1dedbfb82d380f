import { describe, expect, it, onTestFinished } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { run, startReceive } from '../helpers/cli.js';
import { type Recorded, recordingProxy } from '../helpers/recording-proxy.js';
import {
  ENDED,
  expectRunsOn,
  expectSameRam,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';

const CHANNELS = { 'multifd-channels': 2 };
/** The command PING with the value by which a multifd says that it wants to know why (docs/wire.md, 14). */
const OUR_PING = Buffer.from('08000200044d460001', 'hex');
const message = (type: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(4, 2);
  bytes.writeUInt32BE(value, 4);
  return bytes;
};
const pong = (value: number): Buffer => message(2, value);
const shut = (status: number): Buffer => message(1, status);

/** All that went over one connection in one direction. */
const bytes = (recorded: Recorded | undefined): Buffer => Buffer.concat(recorded ?? []);

async function proxyTo(address: string) {
  const proxy = await recordingProxy(address);
  onTestFinished(() => proxy.close());
  return proxy;
}

describe.each(installedQemus())('the reason of a failure is between multifds: QEMU %s', (release) => {
  it('sends no PING of ours, and hears PONG and SHUT; as a destination it answers our PING with PONG', async () => {
    using folder = new TestFolder();
    const common = { release, machine: 'q35', folder: folder.path };
    const source = await startSource(common);
    await using _ = source.qemu;
    const file = folder.file('guest.mig');
    const receiving = await startReceive([`file:${file}`, '--channels', '2']);
    const there = await proxyTo(receiving.address);
    await migrateTo(source, there.address, CHANNELS);
    expect((await receiving.ended).code).toBe(0);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expect(bytes(there.recorded[0]).includes(OUR_PING)).toBe(false);
    expect(bytes(there.answered[0])).toEqual(Buffer.concat([pong(1), shut(0)]));

    const target = await startTarget(common);
    await using __ = target.qemu;
    const back = await proxyTo(await listen(target, 2));
    const sent = await run(['migrate', `file:${file}`, back.address, '--channels', '2']);
    expect(sent, target.qemu.log()).toMatchObject({ code: 0 });
    expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
    expect(bytes(back.recorded[0]).includes(OUR_PING)).toBe(true);
    // One PONG to each PING: no second one, with which a multifd says that it takes runs of zero pages.
    const answers = [pong(0x4d46_0001), pong(0x4d46_0004), pong(0x4d47_0002), shut(0)];
    expect(bytes(back.answered[0])).toEqual(Buffer.concat(answers));
  });

  it('that is refused hears PONG and SHUT(1), and nothing else, and its guest runs on', async () => {
    using folder = new TestFolder();
    const source = await startSource({ release, machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    const receiving = await startReceive(['--channels', '2', '--max-ram', '8M']);
    const proxy = await proxyTo(receiving.address);
    await migrateTo(source, proxy.address, CHANNELS);
    expect(await receiving.ended).toMatchObject({ code: 4 });
    expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'failed' });
    expect(bytes(proxy.answered[0])).toEqual(Buffer.concat([pong(1), shut(1)]));
    // With 7.2 it was paused before.
    if (release !== '7.2') await expectRunsOn(source);
  });

  it('whose channels have another uuid hears nothing, on any connection', async () => {
    using folder = new TestFolder();
    const source = await startSource({ release, machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    const uuid = '550e8400-e29b-41d4-a716-446655440000';
    const receiving = await startReceive(['--channels', '2', '--uuid', uuid]);
    const proxy = await proxyTo(receiving.address);
    await migrateTo(source, proxy.address, CHANNELS);
    await receiving.says(/refused .*uuid(?:.*\n)+.*refused .*uuid/);
    // It waits on, also for the next source, until it is told to end.
    receiving.child.kill('SIGINT');
    expect(await receiving.ended).toMatchObject({ code: 130 });
    proxy.close();
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    expect(proxy.answered.map((each) => bytes(each).length)).toEqual([0, 0, 0]);
  });
});
