import { expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, startReceive } from '../helpers/cli.js';
import { hasMoto, startMoto, withoutMoto } from '../helpers/moto.js';
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

interface Place {
  /** As `multifd store` takes it. */
  readonly store: string;
  /** Of the commands that use it. */
  readonly env: NodeJS.ProcessEnv;
}

async function snapshot(source: Guest, place: string, env: NodeJS.ProcessEnv): Promise<void> {
  const receiving = await startReceive([place], { env });
  await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
  const { code, stderr } = await receiving.ended;
  expect(code, stderr).toBe(0);
  expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'completed' });
}

/** Each snapshot comes back with its word and its count, and the later ones are small. */
async function sixSnapshots(folder: TestFolder, { store, env }: Place): Promise<void> {
  await using running = new AsyncDisposableStack();
  let guest = await startLinux('10.0', folder.path, 'first', false);
  running.use(guest.qemu);
  await until('Linux has booted', () => linesOf(guest).length >= LINES, 300_000);
  const said = [];
  for (let number = 1; number <= SNAPSHOTS; number++) {
    const place = `store:${store}#s${number}`;
    await snapshot(guest, place, env);
    const release = number === SNAPSHOTS && here.includes('7.2') ? '7.2' : '10.0';
    const next = await startLinux(release, folder.path, `next-${number}`, true);
    running.use(next.qemu);
    const sent = await run(['migrate', place, await listen(next, 2)], { env });
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
  const listed = JSON.parse((await run(['store', 'ls', store, '--json'], { env })).stdout);
  const sizes = listed.snapshots.map(({ stored, size }: { stored: number; size: number }) => stored + size);
  console.log(
    `snapshots of an idle Linux in ${store.startsWith('s3:') ? 'S3' : 'a folder'}: ${sizes.join(', ')} bytes`,
  );
  for (const size of sizes.slice(1)) expect(size).toBeLessThanOrEqual(0.05 * sizes[0]);
  const verified = await run(['store', 'verify', store], { env });
  expect(verified.code, verified.stderr).toBe(0);
}

it.runIf(canRun)(
  'an idle Linux in a folder, six times',
  async () => {
    using folder = new TestFolder();
    await sixSnapshots(folder, { store: folder.file('guests'), env: process.env });
  },
  600_000,
);

it.runIf(canRun && hasMoto)(
  `an idle Linux in S3, six times${withoutMoto}`,
  async () => {
    using folder = new TestFolder();
    const { AWS_SESSION_TOKEN: _, AWS_ENDPOINT_URL_S3: __, ...inherited } = process.env;
    const env = { ...inherited, ...(await startMoto()) };
    await sixSnapshots(folder, { store: 's3://guests/lab', env });
  },
  600_000,
);
