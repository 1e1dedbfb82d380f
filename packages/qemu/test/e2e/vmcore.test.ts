import { execFileSync, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { diesWithUs } from '@multifd/testing/dies-with-us';
import { describe, expect, it } from 'vitest';
import { QmpClient } from '../../src/qmp/client.js';
import { migrate, setCapabilities, waitForMigration } from '../../src/qmp/commands.js';
import type { VmcoreSummary } from '../../src/vmcore/writer.js';
import { findQemu, installedQemus } from '../support/binaries.js';
import { dumpFile } from '../support/dump.js';
import { placesOf, readElf, readPhysical, tryReadElf } from '../support/elf.js';
import { TestFolder } from '../support/folder.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PIECE = 4 * MIB;

/** QEMU's own firmware, which sets up the chipset and the cards as it does for every guest. */
interface Guest {
  readonly args: readonly string[];
  /** `--ram`. */
  readonly ram?: readonly string[];
}

/** A word that a guest has above 4 GiB, where firmware writes nothing. */
const WORD = 0x5ca1ab1e;
const ABOVE = ['-device', `loader,addr=0x100001000,data=${WORD},data-len=4`];

/** Small: all of memory is compared. */
const WHOLE: Record<string, Guest> = {
  'pc, with a VGA card and two processors': {
    args: ['-M', 'pc', '-m', '48M', '-vga', 'std', '-smp', '2', '-device', 'vmcoreinfo'],
  },
  'q35, with cirrus': { args: ['-M', 'q35', '-m', '48M', '-vga', 'cirrus'] },
  'pc, before its first instruction': { args: ['-M', 'pc', '-m', '48M', '-vga', 'none', '-S'] },
};

/** Large: where memory is, and the registers. Most of it is absent. */
const LARGE: Record<string, Guest> = {
  'pc with 512M': { args: ['-M', 'pc', '-m', '512M'] },
  'pc with 3584M': { args: ['-M', 'pc', '-m', '3584M'] },
  'pc with 5G': { args: ['-M', 'pc', '-m', '5G', ...ABOVE] },
  'q35 with 2815M': { args: ['-M', 'q35', '-m', '2815M'] },
  'q35 with 3G': { args: ['-M', 'q35', '-m', '3G', '-vga', 'std'] },
  'q35 with 5G': { args: ['-M', 'q35', '-m', '5G', ...ABOVE] },
  'q35 with max-ram-below-4g': { args: ['-M', 'q35,max-ram-below-4g=1G', '-m', '2G'] },
  'pc with two NUMA nodes': {
    args: [
      ...['-M', 'pc', '-m', '5G', ...ABOVE],
      ...['-object', 'memory-backend-ram,id=ma,size=2G', '-object', 'memory-backend-ram,id=mb,size=3G'],
      ...['-numa', 'node,memdev=ma', '-numa', 'node,memdev=mb'],
    ],
    ram: ['ma', 'mb'],
  },
};

describe.runIf(installedQemus().includes('10.0'))("a dump is QEMU 10.0's own", () => {
  for (const [name, guest] of Object.entries(WHOLE)) it(name, () => compareAll(guest));
  for (const [name, guest] of Object.entries(LARGE)) it(name, () => comparePlaces(guest));
});

async function compareAll(guest: Guest): Promise<void> {
  using folder = new TestFolder();
  await using qemu = await startQemu(folder, guest);
  const theirs = folder.file('theirs');
  await qemu.qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${theirs}` });
  const { path } = await dumpOf(folder, qemu.qmp, guest);
  const [ours, wanted] = [readElf(path), readElf(theirs)];
  expect({ ...ours, segments: placesOf(ours) }).toEqual({ ...wanted, segments: placesOf(wanted) });
  const different: number[] = [];
  for (const { address, length } of wanted.segments)
    for (let at = 0; at < length; at += PIECE) {
      const size = Math.min(PIECE, length - at);
      const same = readPhysical(path, address + at, size).equals(readPhysical(theirs, address + at, size));
      if (!same) different.push(address + at);
    }
  expect(different).toEqual([]);
}

async function comparePlaces(guest: Guest): Promise<void> {
  using folder = new TestFolder();
  await using qemu = await startQemu(folder, guest);
  const { path, summary } = await dumpOf(folder, qemu.qmp, guest);
  // Before QEMU writes what it has: a dump takes all of memory's size.
  const theirs = folder.file('theirs');
  const above = guest.args.includes(ABOVE[1] ?? '');
  if (above) {
    const range = { begin: 4 * GIB, length: MIB };
    await qemu.qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${theirs}`, ...range });
    const memory = readPhysical(path, 4 * GIB, MIB);
    expect(memory.equals(readPhysical(theirs, 4 * GIB, MIB))).toBe(true);
    expect(memory.readUInt32LE(4096)).toBe(WORD);
    rmSync(theirs);
  }
  await qemu.qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${theirs}`, detach: true });
  await until(
    'QEMU has written headers and notes',
    () => existsSync(theirs) && tryReadElf(theirs) !== undefined,
  );
  const [ours, wanted] = [readElf(path), readElf(theirs)];
  qemu.kill();
  expect({ ...ours, segments: placesOf(ours) }).toEqual({ ...wanted, segments: placesOf(wanted) });
  expect(summary).toMatchObject({ processors: 1, leftOut: [] });
  expect(allocatedOf(path)).toBeLessThan(4 * MIB);
}

function allocatedOf(path: string): number {
  return Number(execFileSync('stat', ['-c', '%b', path], { encoding: 'utf8' })) * 512;
}

/** What QEMU writes with mapped-ram, as a dump. */
async function dumpOf(
  folder: TestFolder,
  qmp: QmpClient,
  { ram }: Guest,
): Promise<{ path: string; summary: VmcoreSummary }> {
  const migration = folder.file('guest.mig');
  await setCapabilities(qmp, { 'mapped-ram': true, multifd: true });
  await migrate(qmp, `file:${migration}`);
  await waitForMigration(qmp, ['completed', 'failed'], 60_000);
  return dumpFile(folder, migration, ram);
}

async function startQemu(folder: TestFolder, { args }: Guest) {
  const binary = findQemu('10.0');
  if (binary === undefined) throw new Error('QEMU 10.0 is not installed');
  const socket = folder.file('qmp');
  const own = [
    '-accel',
    'tcg',
    '-nodefaults',
    '-display',
    'none',
    '-qmp',
    `unix:${socket},server=on,wait=off`,
  ];
  const [file, all] = diesWithUs(binary, [...own, ...args]);
  const child = spawn(file, all, { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await until('QEMU has its monitor', () => existsSync(socket));
  const qmp = await QmpClient.connect({ path: socket });
  // Firmware is somewhere on its way: what it has done so far is compared.
  if (!args.includes('-S')) await new Promise((resolve) => setTimeout(resolve, 800));
  await qmp.execute('stop');
  return {
    qmp,
    kill: () => child.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      qmp.close();
      child.kill('SIGKILL');
      await exited;
    },
  };
}
