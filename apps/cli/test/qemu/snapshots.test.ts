import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { run, startReceive } from '../helpers/cli.js';
import {
  ENDED,
  expectCountGoesOn,
  expectSameRam,
  type Guest,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';

const here = installedQemus();

async function expectDone({ qemu }: Guest): Promise<void> {
  expect(await waitForMigration(qemu.qmp, ENDED, 30_000), qemu.log()).toMatchObject({ status: 'completed' });
}

/** The guest of a QEMU goes into a store. Without a return path the QEMU does not wait for an answer. */
async function snapshot(source: Guest, place: string, returnPath = true) {
  const receiving = await startReceive([place, '--json']);
  await migrateTo(source, receiving.address, { 'multifd-channels': 2 }, returnPath);
  const ended = await receiving.ended;
  await expectDone(source);
  return ended;
}

/** A QEMU gets the guest of a snapshot. */
async function restore(place: string, target: Guest, options: readonly string[] = []): Promise<void> {
  const sent = await run(['migrate', place, await listen(target, 2), '--json', ...options]);
  expect(sent.code, `${sent.stderr}${target.qemu.log()}`).toBe(0);
  await expectDone(target);
}

/** One guest, from one QEMU by a store to another. */
const BETWEEN = [
  { from: '10.0', to: '7.2', machine: 'pc-q35-7.2' },
  { from: '7.2', to: '7.2', machine: 'pc-i440fx-7.2' },
  { from: '7.2', to: '10.0', machine: 'pc-q35-7.2' },
  { from: '7.2', to: '11.1', machine: 'pc-q35-7.2' },
  { from: '10.0', to: '11.1', machine: 'pc-q35-10.0' },
  { from: '11.1', to: '11.1', machine: 'q35' },
  { from: '11.1', to: '10.0', machine: 'pc-q35-10.0' },
  { from: '11.1', to: '7.2', machine: 'pc-i440fx-7.2' },
] as const;

describe.runIf(here.includes('10.0'))('a QEMU guest in a store', () => {
  it('10.0 to store: to 10.0, and on: each snapshot has what changed', async () => {
    using folder = new TestFolder();
    const place = (name: string) => `store:${folder.file('guests')}#${name}`;
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const source = await startSource(common);
    await using _ = source.qemu;
    expect(await snapshot(source, place('first'))).toMatchObject({ code: 0 });
    const second = await startTarget(common, 'second');
    await using __ = second.qemu;
    await restore(place('first'), second);
    expectSameRam(source, second);
    await expectCountGoesOn(source, second);

    expect(await snapshot(second, place('second'))).toMatchObject({ code: 0 });
    const third = await startTarget(common, 'third');
    await using ___ = third.qemu;
    await restore(place('second'), third);
    expectSameRam(second, third);
    await expectCountGoesOn(second, third, source.qemu.serial());

    const { stdout } = await run(['store', 'ls', folder.file('guests'), '--json']);
    const [one, two] = JSON.parse(stdout).snapshots;
    expect(two.parent).toMatchObject({ name: 'first', id: one.id });
    // The guest writes to 1 MiB in turn; it has a disk's worth of other content.
    expect(two.added).toBeLessThan(3 * 2 ** 20);
    expect((await run(['store', 'verify', folder.file('guests')])).code).toBe(0);
  });

  it.each(BETWEEN.filter(({ from, to }) => here.includes(from) && here.includes(to)))(
    '$from to store: to $to, $machine',
    async ({ from, to, machine }) => {
      using folder = new TestFolder();
      const place = `store:${folder.file('guests')}#one`;
      const common = { machine, folder: folder.path } as const;
      const source = await startSource({ ...common, release: from });
      await using _ = source.qemu;
      expect(await snapshot(source, place)).toMatchObject({ code: 0 });
      const target = await startTarget({ ...common, release: to });
      await using __ = target.qemu;
      await restore(place, target);
      expectSameRam(source, target);
      await expectCountGoesOn(source, target);
    },
  );

  it('10.0 to store: to file: to 10.0, loaded by QEMU itself', async () => {
    using folder = new TestFolder();
    const common = { release: '10.0', machine: 'pc', folder: folder.path } as const;
    const source = await startSource(common);
    await using _ = source.qemu;
    expect(await snapshot(source, `store:${folder.file('guests')}#one`)).toMatchObject({ code: 0 });
    const file = folder.file('guest.mig');
    expect((await run(['store', 'export', `${folder.file('guests')}#one`, `file:${file}`])).code).toBe(0);
    const target = await startTarget(common);
    await using __ = target.qemu;
    await target.qemu.qmp.execute('migrate-set-capabilities', {
      capabilities: [{ capability: 'mapped-ram', state: true }],
    });
    await target.qemu.qmp.execute('migrate-incoming', { uri: `file:${file}` });
    await expectDone(target);
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });

  it('a source that has let go of its guest, and a store that fails: the guest is in a file beside it', async () => {
    using folder = new TestFolder();
    const store = folder.file('guests');
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const source = await startSource(common);
    await using _ = source.qemu;
    expect((await run(['store', 'import', await tiny(folder), `${store}#tiny`])).code).toBe(0);
    rmSync(join(store, 'packs'), { recursive: true });
    symlinkSync('packs', join(store, 'packs'));
    const { code, stderr } = await snapshot(source, `store:${store}#one`, false);
    expect(code).toBe(1);
    expect(stderr).toMatch(/what has come of the guest stays in .*stranded-one\.partial-/);
    const [stranded = ''] = readdirSync(store).filter((name) => name.startsWith('stranded-'));
    const target = await startTarget(common);
    await using __ = target.qemu;
    await restore(`file:${join(store, stranded)}`, target);
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });

  it('a source that does not wait for an answer: the snapshot is all there is', async () => {
    using folder = new TestFolder();
    const place = `store:${folder.file('guests')}#one`;
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const source = await startSource(common);
    await using _ = source.qemu;
    expect(await snapshot(source, place, false)).toMatchObject({ code: 0 });
    expect(readdirSync(folder.file('guests')).filter((name) => /stranded|partial-/.test(name))).toEqual([]);
    const target = await startTarget(common);
    await using __ = target.qemu;
    await restore(place, target);
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });
});

/** A guest of a few pages, as a mapped-ram file. */
async function tiny(folder: TestFolder): Promise<string> {
  const file = folder.file('tiny.mig');
  const receiving = await startReceive([`file:${file}`]);
  await run(['migrate', 'demo:1M', receiving.address]);
  expect((await receiving.ended).code).toBe(0);
  return file;
}
