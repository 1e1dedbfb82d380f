import { readFileSync, writeFileSync } from 'node:fs';
import { relay } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import {
  migrate,
  migrateIncoming,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import { installedQemus, type QemuRelease } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { Qemu, type RamFile } from '../support/qemu.js';
import { createRam, firstDifference } from '../support/ram-files.js';
import { migrateGuest } from '../support/send.js';

const MIB = 2 ** 20;
const MACHINE = 'q35';
const here = installedQemus().filter((release) => release !== '7.2');

/** What is made of QEMU's file, and what is said of it then. */
const ODD = {
  'with bytes behind its description': {
    make: (file: Buffer) => Buffer.concat([file, Buffer.alloc(70_000)]),
    said: { bytesBehind: 70_000 },
  },
  'with a description that is not JSON': {
    make: (file: Buffer) => describedBy(file, Buffer.from('no description at all')),
    said: { bytesBehind: 0, unreadableDescription: true },
  },
  'with a description that is no text': {
    make: (file: Buffer) => describedBy(file, Buffer.from([0, 0xff, 0, 6, 0, 0, 0, 0, 0])),
    said: { bytesBehind: 0, unreadableDescription: true },
  },
  'with no description, and 4096 zeros': {
    make: (file: Buffer) => Buffer.concat([undescribed(file), Buffer.alloc(4096)]),
    said: { bytesBehind: 4096, devices: undefined },
  },
  'that is cut right behind the end of its sections': {
    make: (file: Buffer) => undescribed(file),
    said: { bytesBehind: 0, devices: undefined },
  },
  'that is cut inside its description': {
    make: (file: Buffer) => file.subarray(0, -1000),
    said: { devices: undefined },
  },
  'with an empty description, and words': {
    make: (file: Buffer) => Buffer.concat([describedBy(file, Buffer.alloc(0)), Buffer.from('words')]),
    said: { bytesBehind: 5, devices: undefined },
  },
} as const;

describe.runIf(here.length > 0)('a mapped-ram file that QEMU loads', () => {
  for (const release of here)
    for (const [name, { make, said }] of Object.entries(ODD)) {
      it(`${release}: ${name}: QEMU loads it, and so it does what we send of it, also through a relay`, async () => {
        using folder = new TestFolder();
        const { file, ram } = await store(folder, release);
        writeFileSync(file, make(readFileSync(file)));
        expect(inspectFile(file)).toMatchObject(said);
        for (const way of ['itself', 'sent', 'relayed'] as const) {
          const loaded: RamFile = { name: 'pc.ram', size: ram.size, path: folder.file(way) };
          await using target = await Qemu.start({
            release,
            machine: MACHINE,
            folder: folder.path,
            name: way,
            ram: [loaded],
            incoming: true,
          });
          await load(target, file, folder.file(`${way}.sock`), way);
          expect(await waitForMigration(target.qmp, ['completed', 'failed'], 60_000)).toMatchObject({
            status: 'completed',
          });
          expect(firstDifference(ram.path, loaded.path, ram.size)).toBeUndefined();
        }
      });
    }
});

async function load(
  { qmp }: Qemu,
  file: string,
  socket: string,
  way: 'itself' | 'sent' | 'relayed',
): Promise<void> {
  if (way === 'itself') {
    await setCapabilities(qmp, { 'mapped-ram': true });
    await migrateIncoming(qmp, `file:${file}`, { exitOnError: false });
    return;
  }
  await setCapabilities(qmp, { multifd: true });
  await setParameters(qmp, { 'multifd-channels': 2 });
  await migrateIncoming(qmp, `unix:${socket}`, { exitOnError: false });
  const { ram, machineType, rawDeviceState } = openMappedRam(file);
  const guest = { ram, machineType, rawDeviceState: () => rawDeviceState };
  const parameters = { multifdChannels: 2, stallTimeout: 60_000 };
  if (way === 'sent') {
    await migrateGuest({ guest, to: `unix:${socket}`, parameters });
    return;
  }
  const between = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: `unix:${socket}`,
    incoming: { multifdChannels: 2 },
    outgoing: { multifdChannels: 2, zeroPageDetection: 'none' },
  });
  const sent = migrateGuest({ guest, to: between.address, parameters });
  expect(await between.result).toMatchObject({ status: 'completed' });
  await sent;
}

/** A stopped guest in a file of QEMU's. */
async function store(folder: TestFolder, release: QemuRelease): Promise<{ file: string; ram: RamFile }> {
  const ram: RamFile = { name: 'pc.ram', size: 16 * MIB, path: folder.file('ram') };
  createRam(ram, 3);
  await using qemu = await Qemu.start({
    release,
    machine: MACHINE,
    folder: folder.path,
    name: 'source',
    ram: [ram],
  });
  const file = folder.file('guest.mig');
  await setCapabilities(qemu.qmp, { 'mapped-ram': true });
  await migrate(qemu.qmp, `file:${file}`);
  const info = await waitForMigration(qemu.qmp, ['completed', 'failed'], 60_000);
  expect(info).toMatchObject({ status: 'completed' });
  return { file, ram };
}

/** The file up to the end of its sections. */
function undescribed(file: Buffer): Buffer {
  // JSON has no NUL, so the header before it has the last ones.
  return file.subarray(0, file.lastIndexOf(Buffer.of(0, 6, 0)) + 1);
}

/** The file with `text` for its description. */
function describedBy(file: Buffer, text: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([undescribed(file), Buffer.of(6), length, text]);
}
