import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { inspectFile } from '../../src/inspect/inspect.js';

/** Bytes of a virtio-mem device's block under Linux on x86. */
const BLOCK = 2 ** 21;
const PAGE = 4096;
/** In the body of `virtio-mem-device-early`: behind addr, region_size, block_size and node. */
const SIZE_AT = 8 + 8 + 8 + 4;

/**
 * Plugs memory into a virtio-mem device of a guest that a QEMU has written to a mapped-ram file, as a driver in the guest
 * would have: ours has none. The QEMU that loads the file then has that memory plugged.
 * @param device the id of the device's memory backend. @param content goes into each plugged page, with its number.
 */
export function plugMemory(file: string, backend: string, bytes: number, content: number): void {
  const { blocks, devices = [], sections } = inspectFile(file);
  const block = blocks.find(({ name }) => name.endsWith(`/${backend}`));
  const path = block?.name.slice(0, -backend.length) ?? '';
  const device = devices.find(({ name }) => name === `${path}virtio-mem-device-early`);
  const section = sections.find(({ kind, name }) => kind === 'full' && name === device?.name);
  const { bitmapOffset, pagesOffset } = block ?? {};
  if (section === undefined || bitmapOffset === undefined || pagesOffset === undefined)
    throw new Error(`${file}: no virtio-mem device of ${backend}`);
  const fd = openSync(file, 'r+');
  try {
    const bodyAt = section.offset + 1 + 4 + 1 + section.name.length + 4 + 4;
    const state = Buffer.alloc(16);
    state.writeBigUInt64BE(BigInt(bytes), 0);
    state.writeBigUInt64BE((1n << BigInt(bytes / BLOCK)) - 1n, 8);
    const before = Buffer.alloc(16);
    readSync(fd, before, 0, 16, bodyAt + SIZE_AT);
    if (!before.equals(Buffer.alloc(16))) throw new Error(`${file}: memory is plugged already`);
    writeSync(fd, state, 0, 16, bodyAt + SIZE_AT);
    writeSync(fd, Buffer.alloc(bytes / PAGE / 8, 0xff), 0, bytes / PAGE / 8, bitmapOffset);
    for (let page = 0; page < bytes / PAGE; page++) {
      const words = Buffer.alloc(PAGE);
      words.writeUInt32LE(content, 0);
      words.writeUInt32LE(page, PAGE - 4);
      writeSync(fd, words, 0, PAGE, pagesOffset + page * PAGE);
    }
  } finally {
    closeSync(fd);
  }
}
