import {
  allocateGuestRam,
  DirtyBitmap,
  type GuestRamDescriptor,
  openRamBlock,
  openRamBlockSync,
} from '@multifd/core';
import { expect } from 'vitest';
import {
  type DiskObjects,
  type GuestAtRest,
  type NamedSnapshot,
  openSnapshot,
  SnapshotWriter,
  type Store,
} from '../../dist/index.js';

export const PAGE = 4096;
/** Two whole chunks and a part of a third; and less than one. */
export const BLOCKS = [
  { name: 'pc.ram', length: 40 * 65_536 + 3 * PAGE },
  { name: 'pc.bios', length: 5 * PAGE },
];
export const DEVICES = Buffer.concat([Buffer.from('device state of a test'), Buffer.alloc(1)]);

export class TestGuest {
  readonly ram = allocateGuestRam(BLOCKS, PAGE);
  readonly #bitmaps = BLOCKS.map(({ length }) => DirtyBitmap.allocate(length / PAGE));

  write(block: number, offset: number, bytes: Uint8Array): void {
    const descriptor = this.ram.blocks[block];
    if (descriptor === undefined) throw new Error(`no block ${block}`);
    openRamBlockSync(descriptor).write(offset, bytes);
    const pages = Math.ceil((offset + bytes.length) / PAGE) - Math.floor(offset / PAGE);
    this.#bitmaps[block]?.markRange(Math.floor(offset / PAGE), pages);
  }

  get atRest(): GuestAtRest {
    return atRest(
      this.ram,
      this.#bitmaps.map(({ buffer }) => buffer),
    );
  }

  read(block: number): Uint8Array {
    const descriptor = this.ram.blocks[block];
    if (descriptor === undefined) throw new Error(`no block ${block}`);
    return openRamBlockSync(descriptor).read(0, descriptor.length, new Uint8Array(descriptor.length)).slice();
  }
}

function atRest(ram: GuestRamDescriptor, receivedPages: readonly SharedArrayBuffer[]): GuestAtRest {
  return {
    machineType: 'pc-q35-10.0',
    configuration: { uuid: Uint8Array.from({ length: 16 }, (_, index) => index) },
    ram,
    receivedPages,
    rawDeviceState: { early: Buffer.from('early'), bytes: DEVICES, vmdesc: '{}' },
  };
}

/** By a writer that has begun. */
export function saveAs(
  writer: SnapshotWriter,
  ram: GuestRamDescriptor,
  receivedPages: readonly SharedArrayBuffer[],
): Promise<NamedSnapshot> {
  return writer.write(atRest(ram, receivedPages));
}

export async function save(
  store: Store,
  name: string,
  guest: TestGuest,
  replace = false,
): Promise<NamedSnapshot> {
  const writer = await SnapshotWriter.begin(store, name, { blocks: BLOCKS, replace });
  try {
    return await writer.write(guest.atRest);
  } finally {
    await writer.close();
  }
}

/** All of a block as the snapshot has it. */
export async function restored(objects: DiskObjects, name: string, block: number): Promise<Uint8Array> {
  const guest = openSnapshot(objects, name);
  try {
    const descriptor = guest.ram.blocks[block];
    if (descriptor === undefined) throw new Error(`no block ${block}`);
    const ram = await openRamBlock(descriptor);
    try {
      return ram.read(0, ram.length, new Uint8Array(ram.length)).slice();
    } finally {
      ram.close();
    }
  } finally {
    guest.close();
  }
}

export async function expectSame(objects: DiskObjects, name: string, guest: TestGuest): Promise<void> {
  for (const block of BLOCKS.keys())
    expect(Buffer.compare(await restored(objects, name, block), guest.read(block))).toBe(0);
}
