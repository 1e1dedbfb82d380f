import type { Random } from '@multifd/testing/random';
import type { ByteSource } from '../../src/stream/byte-source.js';

/** A device's section: QEMU's header, its state, its footer. */
export function deviceSection(id: number, name: string, state: Uint8Array): Buffer {
  const head = Buffer.alloc(6);
  head[0] = 4;
  head.writeUInt32BE(id, 1);
  head[5] = name.length;
  return Buffer.concat([head, Buffer.from(name), Buffer.alloc(7), Buffer.of(1), state, footer(id)]);
}

export function footer(id: number): Buffer {
  const bytes = Buffer.of(0x7e, 0, 0, 0, 0);
  bytes.writeUInt32BE(id, 1);
  return bytes;
}

/** What a device's state may have that looks like the end of section `id`, of all sections, or of another one's. */
export function lookAlikes(random: Random, id: number, others: number): Buffer {
  const pieces = [random.bytes(random.int(40))];
  for (let left = random.int(5); left > 0; left--) {
    const behind = [
      [0],
      [0, 6],
      [0, 6, 0, 0, 0, 0],
      [0, 6, 0, 0, 0x20, 0, 0x7b, 0x22],
      [4],
      [4, 0, 0, 0],
      [0x7e],
      [],
    ][random.int(8)];
    const of = random.int(4) > 0 ? id : random.int(others);
    pieces.push(footer(of), Uint8Array.from(behind ?? []), random.bytes(random.int(40)));
  }
  return Buffer.concat(pieces);
}

/** The source, which counts the bytes that are read of it. */
export function counting(source: ByteSource): ByteSource & { bytes: number } {
  const { name, size } = source;
  return {
    name,
    size,
    bytes: 0,
    read(offset, target) {
      this.bytes += target.length;
      source.read(offset, target);
    },
  };
}
