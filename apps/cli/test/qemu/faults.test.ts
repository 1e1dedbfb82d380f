import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { migrate, queryMigrate, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, start, startReceive } from '../helpers/cli.js';
import { ENDED, expectRunsOn, listen, migrateTo, startSource, startTarget } from './support/guests.js';

const MIB = 2 ** 20;
const here = installedQemus();

describe.runIf(here.includes('10.0'))('what goes wrong, and the guest runs on at its source', () => {
  it('10.0 to file: interrupted midway, nothing is left on the disk', async () => {
    using folder = new TestFolder();
    const source = await startSource({
      release: '10.0',
      machine: 'q35',
      folder: folder.path,
      size: 128 * MIB,
    });
    await using _ = source.qemu;
    const receiving = await startReceive([`file:${folder.file('guest.mig')}`]);
    await migrateTo(source, receiving.address, { 'multifd-channels': 2, 'max-bandwidth': 8 * MIB });
    await until('pages flow', async () => ((await queryMigrate(source.qemu.qmp)).ram?.normal ?? 0) > 500);
    // What QEMU has sent may still be in the sockets.
    const partial = (): string[] => readdirSync(folder.path).filter((name) => name.includes('partial'));
    await until('they are written', async () => partial().length === 1);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    expect(readdirSync(folder.path).filter((name) => name.includes('guest.mig'))).toEqual([]);
    await expectRunsOn(source);
  });

  it('10.0 to 10.0 of another machine type: the relay fails, and so does the source', async () => {
    using folder = new TestFolder();
    const source = await startSource({ release: '10.0', machine: 'pc', folder: folder.path });
    await using _ = source.qemu;
    const target = await startTarget({ release: '10.0', machine: 'q35', folder: folder.path });
    await using __ = target.qemu;
    const relaying = start(['relay', 'tcp:127.0.0.1:0', await listen(target, 2), '--stall-timeout', '8000']);
    await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
    expect((await relaying.ended).code).toBe(1);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    await expectRunsOn(source);
  });
});

describe.runIf(here.length > 0)(
  'a source that does not fit is told at once, and its next try is taken',
  () => {
    const misfits = [
      {
        what: 'more channels',
        wrong: { 'multifd-channels': 4 },
        says: 'the source has 4 channels, expected 2',
      },
      {
        what: 'fewer channels',
        wrong: { 'multifd-channels': 1 },
        says: 'the source has 1 channel, expected 2',
      },
      { what: 'multifd off', wrong: undefined, says: 'main stream: the source sends its pages there' },
    ];
    for (const release of here)
      for (const { what, wrong, says } of misfits)
        it(`${release} to file: ${what}`, async () => {
          using folder = new TestFolder();
          const source = await startSource({ release, machine: 'q35', folder: folder.path });
          await using _ = source.qemu;
          const { qmp } = source.qemu;
          const file = ['--channels', '2', `file:${folder.file('guest.mig')}`];
          // Nothing but what the source has said can end its wait.
          const limits = [
            '--setup-timeout',
            '600000',
            '--stall-timeout',
            '600000',
            '--idle-timeout',
            '600000',
          ];
          const receiving = await startReceive([...file, ...limits]);
          if (wrong !== undefined) await migrateTo(source, receiving.address, wrong);
          else await migrate(qmp, receiving.address);
          await receiving.says(
            new RegExp(`refused 127.0.0.1:\\d+: ${says}.*(?:multifd-channels|turn multifd on)`),
          );
          expect(await waitForMigration(qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
          expect(readdirSync(folder.path).filter((name) => name.includes('guest.mig'))).toEqual([]);
          if (release !== '7.2') await expectRunsOn(source);
          await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
          expect(await waitForMigration(qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
          const { code, stderr } = await receiving.ended;
          expect(code).toBe(0);
          expect(stderr.split('\n').filter((line) => line.includes(says))).toHaveLength(1);
          expect(readdirSync(folder.path)).toContain('guest.mig');
        });
  },
);

describe.runIf(here.includes('10.0'))('what QEMU does not say, and the command does', () => {
  const UUID = '550e8400-e29b-41d4-a716-446655440000';

  it('10.0 with another uuid: receive refuses it at once, and its guest runs on', async () => {
    using folder = new TestFolder();
    const source = await startSource({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    const limits = ['--setup-timeout', '600000', '--stall-timeout', '600000', '--idle-timeout', '600000'];
    const receiving = await startReceive(['memory', '--uuid', UUID, '--channels', '2', '--json', ...limits]);
    await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
    await receiving.says(
      /refused 127.0.0.1:\d+: the source has another guest: channel [01]: init packet uuid/,
    );
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    await expectRunsOn(source);
    receiving.child.kill('SIGINT');
    const { code, stdout, stderr } = await receiving.ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout).refused.at(-1).reason).toMatch(/another guest/);
    // Of the channels that came before main was refused, and of main.
    expect(stderr.match(/^multifd: refused/gm)?.length).toBeLessThanOrEqual(3);
  });

  it.each([
    ['multifd off', undefined],
    ['fewer channels', 1],
  ])('10.0 to 10.0 by a relay, %s there: the relay says what may be wrong', async (_what, channels) => {
    using folder = new TestFolder();
    const source = await startSource({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    const target = await startTarget({ release: '10.0', machine: 'q35', folder: folder.path });
    await using __ = target.qemu;
    const to = await listen(target, channels ?? 2, {}, channels !== undefined);
    const relaying = start(['relay', 'tcp:127.0.0.1:0', to, '--channels', '2', '--stall-timeout', '8000']);
    await migrateTo(source, await relaying.says(/listening on (tcp:\S+)/), { 'multifd-channels': 2 });
    const { code, stderr } = await relaying.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/See its stderr.*: multifd, multifd-channels/);
    expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
    await expectRunsOn(source);
  });

  it('10.0 is given a guest without a machine type: the source says how to give one', async () => {
    using folder = new TestFolder();
    const target = await startTarget({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = target.qemu;
    const { code, stderr } = await run([
      'migrate',
      'demo:64M',
      await listen(target, 2),
      '--channels',
      '2',
      '--no-verify',
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nhint: a QEMU refuses machine type none: give --machine-type.*See its stderr/);
  });
});

/** A QEMU 11.1 that keeps its guest, paused, when it was told that it has arrived. */
async function startColoSource(folder: string) {
  const source = await startSource({ release: '11.1', machine: 'q35', folder });
  await source.qemu.qmp.execute('migrate-set-capabilities', {
    capabilities: [
      { capability: 'return-path', state: true },
      { capability: 'x-colo', state: true },
    ],
  });
  return source;
}

describe.runIf(here.includes('11.1'))('a source that does not let go of its guest', () => {
  it('11.1 with x-colo: receive says that either may have it, exit code 5', async () => {
    using folder = new TestFolder();
    const source = await startColoSource(folder.path);
    await using _ = source.qemu;
    const file = folder.file('guest.mig');
    const receiving = await startReceive([
      `file:${file}`,
      '--channels',
      '2',
      '--stall-timeout',
      '8000',
      '--json',
    ]);
    await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
    const { code, stdout, stderr } = await receiving.ended;
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'guest-at': 'either' });
    expect(stderr).toMatch(
      /did not close its main stream \(limit: 8000 ms\)[^\n]*\nhint: .*COLO.*x-colo-lost-heartbeat/,
    );
    expect((await queryMigrate(source.qemu.qmp)).status).toBe('colo');
    expect(readdirSync(folder.path)).toContain('guest.mig');
  });

  it('11.1 with x-colo, and its user has no patience: one line, then the document', async () => {
    using folder = new TestFolder();
    const source = await startColoSource(folder.path);
    await using _ = source.qemu;
    const receiving = await startReceive([
      'memory',
      '--channels',
      '2',
      '--stall-timeout',
      '600000',
      '--json',
    ]);
    await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
    await until('the source was told', async () => (await queryMigrate(source.qemu.qmp)).status === 'colo');
    receiving.child.kill('SIGINT');
    await receiving.says(/interrupted: .*has not closed its main stream.*a second signal ends/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    receiving.child.kill('SIGINT');
    const { code, stdout, stderr } = await receiving.ended;
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'guest-at': 'either' });
    expect(stderr).toMatch(/interrupted again: ended at once\nhint: both may have the guest/);
  });
});
