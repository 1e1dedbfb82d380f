import { expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, startReceive } from '../helpers/cli.js';
import { ENDED, expectSameRam, type Guest, listen, migrateTo } from './support/guests.js';
import { LINUX, linesOf, startLinux } from './support/linux.js';

const here = installedQemus();
const canRun = LINUX !== undefined && here.includes('10.0');
if (LINUX === undefined)
  console.log(
    'a Linux in a store: MULTIFD_V86_LINUX names no folder that examples/v86/fetch-linux.sh has filled',
  );

/** Each is restored into a QEMU of its own, the last one into 7.2 if it is here; then the guest goes on. */
const SNAPSHOTS = 6;
/** Lines that the guest says from one snapshot to the next: ten a second. */
const LINES = 15;

async function snapshot(source: Guest, place: string): Promise<void> {
  const receiving = await startReceive([place]);
  await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
  const { code, stderr } = await receiving.ended;
  expect(code, stderr).toBe(0);
  expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
}

it.runIf(canRun)(
  'an idle Linux: each snapshot comes back with its word and its count, and the later ones are small',
  async () => {
    using folder = new TestFolder();
    const store = folder.file('guests');
    await using running = new AsyncDisposableStack();
    let guest = await startLinux('10.0', folder.path, 'first', false);
    running.use(guest.qemu);
    await until('Linux has booted', () => linesOf(guest).length >= LINES, 300_000);
    const said = [];
    for (let number = 1; number <= SNAPSHOTS; number++) {
      const place = `store:${store}#s${number}`;
      await snapshot(guest, place);
      const release = number === SNAPSHOTS && here.includes('7.2') ? '7.2' : '10.0';
      const next = await startLinux(release, folder.path, `next-${number}`, true);
      running.use(next.qemu);
      const sent = await run(['migrate', place, await listen(next, 2)]);
      expect(sent.code, `${sent.stderr}${next.qemu.log()}`).toBe(0);
      expect(await waitForMigration(next.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
      expectSameRam(guest, next);
      said.push(...linesOf(guest));
      await guest.qemu.kill();
      await next.qemu.qmp.execute('cont');
      guest = next;
      await until('it goes on', () => linesOf(guest).length >= LINES, 60_000);
    }
    said.push(...linesOf(guest));
    // A line that was cut in two by a snapshot is missing on both sides, and nothing else.
    expect(new Set(said.map(({ word }) => word)).size).toBe(1);
    const counts = said.map(({ count }) => count);
    const gaps = counts.filter((count, at) => at > 0 && count !== (counts[at - 1] ?? 0) + 1);
    expect(gaps.length).toBeLessThanOrEqual(SNAPSHOTS);
    for (const [at, count] of counts.entries()) {
      const step = at === 0 ? 1 : count - (counts[at - 1] ?? 0);
      expect(step === 1 || step === 2, `${counts[at - 1]}, then ${count}`).toBe(true);
    }
    const listed = JSON.parse((await run(['store', 'ls', store, '--json'])).stdout);
    const sizes = listed.snapshots.map(({ stored, size }: { stored: number; size: number }) => stored + size);
    console.log(`snapshots of an idle Linux: ${sizes.join(', ')} bytes`);
    for (const size of sizes.slice(1)) expect(size).toBeLessThanOrEqual(0.05 * sizes[0]);
    expect((await run(['store', 'verify', store])).code).toBe(0);
  },
  600_000,
);
