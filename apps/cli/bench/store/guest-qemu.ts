/** QEMUs that hold a guest, or wait for one. */
import { closeSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  cont,
  migrateIncoming,
  type QemuCapability,
  type QmpClient,
  queryMachineType,
  saveMemory,
  setCapabilities,
  setParameters,
  stop,
  waitForMigration,
} from '@multifd/qemu';
import { type QemuProcess, startQemu } from '../../src/bench/qemu-process.ts';
import { addressOf, PAGE, type RestGuest } from './guests.ts';
import { startMultifd } from './multifd.ts';

/** Channels of everybody. */
export const CHANNELS = 2;
/** ms that one migration may take. */
export const LIMIT = 15 * 60_000;

let named = 0;

/** A path for a socket or a file that is soon gone. */
export function passingPath(folder: string): string {
  named++;
  return join(folder, `p${named}`);
}

/** A QEMU that waits to be told where its guest comes from. */
export async function emptyQemu(
  binary: string,
  { size }: RestGuest,
  folder: string,
  signal: AbortSignal,
): Promise<QemuProcess> {
  return startQemu({ binary, size, patience: LIMIT }, folder, ['-incoming', 'defer'], signal);
}

/** Sets what a migration of this QEMU has, and nothing that an earlier one had. */
export async function configure(qmp: QmpClient, way: 'connection' | 'mapped-ram'): Promise<void> {
  const isFile = way === 'mapped-ram';
  const capabilities = { multifd: true, 'mapped-ram': isFile, 'return-path': !isFile };
  await setCapabilities(qmp, capabilities satisfies Partial<Record<QemuCapability, boolean>>);
  await setParameters(qmp, { 'multifd-channels': CHANNELS, 'max-bandwidth': 0 });
}

/** Waits until a guest has arrived, or has left. @throws Error with QEMU's words if it does not. */
export async function completed({ qmp, said }: QemuProcess): Promise<number> {
  const { status, errorDesc, totalTime = 0 } = await waitForMigration(qmp, ['completed', 'failed'], LIMIT);
  if (status !== 'completed') throw new Error(`QEMU: ${status}: ${errorDesc ?? said()}`);
  return totalTime;
}

/**
 * A QEMU with this guest, stopped. Its memory is its own, and pages without content were never touched: multifd brings them
 * from the image. A file as its memory would not do, since to look for zero pages in a hole of a shared file makes a page.
 */
export async function qemuWith(
  image: string,
  binary: string,
  guest: RestGuest,
  folder: string,
  signal: AbortSignal,
): Promise<QemuProcess> {
  const qemu = await emptyQemu(binary, guest, folder, signal);
  try {
    await configure(qemu.qmp, 'connection');
    const socket = passingPath(folder);
    await migrateIncoming(qemu.qmp, `unix:${socket}`);
    const machine = ['--machine-type', await queryMachineType(qemu.qmp)];
    const words = ['migrate', `raw:${image}`, `unix:${socket}`, '--no-verify', ...machine];
    const sending = startMultifd([...words, '--multifd-channels', `${CHANNELS}`], 'source', signal);
    await sending.ended;
    await completed(qemu);
    return qemu;
  } catch (error) {
    await qemu.end();
    throw error;
  }
}

/**
 * Makes a QEMU whose guest has left it ready to let go of it again. In between its processor runs, through a ROM that holds zeros:
 * an instruction that adds 0 to the first byte.
 */
export async function takeBack({ qmp }: QemuProcess): Promise<void> {
  await cont(qmp);
  await stop(qmp);
}

/** Compares pages of a QEMU's guest with the image. @throws Error for the first that differs. */
export async function comparePages(
  { qmp }: QemuProcess,
  image: string,
  { size }: RestGuest,
  pages: readonly number[],
  folder: string,
): Promise<void> {
  const fd = openSync(image, 'r');
  const expected = Buffer.alloc(PAGE);
  const path = passingPath(folder);
  try {
    for (const page of pages) {
      readSync(fd, expected, 0, PAGE, page * PAGE);
      await saveMemory(qmp, addressOf(page, size), PAGE, path);
      if (!readFileSync(path).equals(expected)) throw new Error(`page ${page} was not restored`);
    }
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}
