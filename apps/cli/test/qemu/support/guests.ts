/**
 * Guests in real QEMUs, for tests of the command. How a QEMU is driven comes from the tests of packages/qemu, by
 * path: it is no part of what that package offers, and a second copy would go its own way.
 */
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { QemuRelease } from '../../../../../packages/qemu/test/support/binaries.js';
import { CONTROL } from '../../../../../packages/qemu/test/support/boot-code.js';
import {
  migrate,
  migrateIncoming,
  type QemuMigrationParameters,
  type QmpClient,
  QmpError,
  setCapabilities,
  setParameters,
  stop,
} from '../../../../../packages/qemu/test/support/monitor.js';
import { Qemu, type RamFile } from '../../../../../packages/qemu/test/support/qemu.js';
import {
  createRam,
  firstDifference,
  readControl,
} from '../../../../../packages/qemu/test/support/ram-files.js';
import { until } from '../../../../../packages/qemu/test/support/until.js';

const MIB = 2 ** 20;
/** Pages that the guest writes to in turn, one in each round of its loop. */
export const DIRTY = { dirtyBase: 16 * MIB, dirtyPages: 256 };

/** How a migration of QEMU's may end, as `query-migrate` says it. */
export const ENDED = ['completed', 'failed', 'cancelled'] as const;

export interface Guest {
  readonly qemu: Qemu;
  readonly ram: RamFile;
}

export interface GuestSettings {
  readonly release: QemuRelease;
  readonly machine: string;
  readonly folder: string;
  /** Bytes of RAM; 64 MiB by default. */
  readonly size?: number;
  /** More words of QEMU's command line. */
  readonly extra?: readonly string[];
}

/**
 * A guest that has counted for a while, and goes on, writing to its RAM. With 7.2 it has been paused: under TCG that
 * QEMU itself loses pages that a running guest dirties.
 */
export async function startSource(settings: GuestSettings): Promise<Guest> {
  const guest = await start(settings, 'source', true);
  await until('the guest has said something', () => guest.qemu.lines().length > 3);
  if (settings.release === '7.2') await stop(guest.qemu.qmp);
  return guest;
}

/** A QEMU that waits for a guest: tell it what to load. `name` tells it from others in the same folder. */
export function startTarget(settings: GuestSettings, name = 'target'): Promise<Guest> {
  return start(settings, name, false);
}

async function start(settings: GuestSettings, name: string, running: boolean): Promise<Guest> {
  const { release, machine, folder, size = 64 * MIB, extra = [] } = settings;
  const ram: RamFile = { name: 'pc.ram', size, path: join(folder, `${name}-ram`) };
  if (running) createRam(ram, 11, release === '7.2' ? {} : DIRTY);
  const role = running ? { running } : { incoming: true };
  return { qemu: await Qemu.start({ release, machine, folder, name, ram: [ram], extra, ...role }), ram };
}

/** QEMU begins to migrate to `address`, with multifd, and with a return path if nothing else is said. */
export async function migrateTo(
  { qemu }: Guest,
  address: string,
  parameters: QemuMigrationParameters,
  returnPath = true,
): Promise<void> {
  await setCapabilities(qemu.qmp, { multifd: true, 'return-path': returnPath });
  await setParameters(qemu.qmp, { 'max-bandwidth': 0, ...parameters });
  await migrateOnceItMay(qemu.qmp, address);
}

/** A QEMU says that a migration has failed a moment before it has put everything away, and refuses another until then. */
async function migrateOnceItMay(qmp: QmpClient, address: string): Promise<void> {
  for (const end = performance.now() + 30_000; ; ) {
    try {
      return await migrate(qmp, address);
    } catch (error) {
      const isEarly = error instanceof QmpError && error.desc === 'duplicate yank instance';
      if (!isEarly || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** QEMU listens for a migration with so many channels, or without multifd. @returns the address. */
export async function listen(
  { qemu }: Guest,
  channels: number,
  parameters: QemuMigrationParameters = {},
  multifd = true,
): Promise<string> {
  await setCapabilities(qemu.qmp, { multifd, 'return-path': true });
  await setParameters(qemu.qmp, { 'multifd-channels': channels, ...parameters });
  const address = `tcp:127.0.0.1:${await freePort()}`;
  await migrateIncoming(qemu.qmp, address, qemu.qmp.version.major >= 9 ? { exitOnError: false } : {});
  return address;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The target's RAM is the source's, byte for byte; neither runs. */
export function expectSameRam(source: Guest, target: Guest): void {
  expect(firstDifference(source.ram.path, target.ram.path, source.ram.size)).toBeUndefined();
}

/**
 * The guest counts on where it stopped, and what both have said is one count without a gap.
 * @param earlier what it has said in QEMUs before these.
 */
export async function expectCountGoesOn(source: Guest, target: Guest, earlier = ''): Promise<void> {
  const before = readControl(source.ram.path, CONTROL.rounds);
  await target.qemu.qmp.execute('cont');
  await until('the guest says something more', () => target.qemu.lines().length > 3);
  expect(readControl(target.ram.path, CONTROL.rounds)).toBeGreaterThan(before);
  const said = `${earlier}${source.qemu.serial()}${target.qemu.serial()}`.split('\n').slice(0, -1);
  expect(said.map((line) => Number.parseInt(line, 16))).toEqual(said.map((_, at) => at + 1));
}

/** The guest's count goes up, on the source. */
export async function expectRunsOn({ qemu, ram }: Guest): Promise<void> {
  expect(await qemu.isRunning()).toBe(true);
  const rounds = readControl(ram.path, CONTROL.rounds);
  await until('the guest runs on', () => readControl(ram.path, CONTROL.rounds) !== rounds);
}
