/**
 * The wire format a second time, written as plainly as can be (DataView, BigInt, no reuse, nothing imported from
 * src): the oracle for the real codec. Plain data in, bytes out, and back.
 */

export interface TwinPacket {
  readonly flags: number;
  readonly pagesAllocated: number;
  readonly normalPages: number;
  readonly payloadSize: number;
  readonly packetNumber: number;
  readonly zeroPages: number;
  readonly blockName: string;
  readonly offsets: readonly number[];
}

export interface TwinDevice {
  readonly idstr: string;
  readonly instanceId: number;
  readonly versionId: number;
  readonly body: Uint8Array;
}

/** One piece of a main stream, in the order of the wire. */
export type TwinPiece =
  | { kind: 'header' }
  | { kind: 'configuration'; machineType: string; bits?: number; capabilities?: string[]; uuid?: Uint8Array }
  | { kind: 'command'; command: number; data: Uint8Array }
  | { kind: 'start'; id: number; idstr: string; instance: number; version: number }
  | { kind: 'part' | 'end' | 'footer'; id: number }
  | { kind: 'blocks'; blocks: { name: string; length: number }[] }
  | { kind: 'zero'; block: string | undefined; offset: number }
  | { kind: 'page'; block: string | undefined; offset: number; data: Uint8Array }
  | { kind: 'flush' | 'eos' | 'eof' }
  | { kind: 'device'; id: number; device: TwinDevice }
  /** A START section of dirty bitmaps, without one. */
  | { kind: 'no-bitmap'; id: number }
  | { kind: 'description'; json: string };

class Writer {
  readonly bytes: number[] = [];
  number(value: number | bigint, size: number): this {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(value));
    this.bytes.push(...new Uint8Array(view.buffer, 8 - size));
    return this;
  }
  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }
  text(text: string): this {
    return this.raw(new Uint8Array(Buffer.from(text, 'utf8')));
  }
  pstr(text: string): this {
    return this.number(Buffer.byteLength(text), 1).text(text);
  }
  done(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
}

export function twinEncodeInit(uuid: Uint8Array, channel: number): Uint8Array {
  const writer = new Writer().number(0x11223344, 4).number(1, 4).raw(uuid).number(channel, 1);
  return writer.raw(new Uint8Array(39)).done();
}

export function twinDecodeInit(bytes: Uint8Array): { uuid: Uint8Array; channel: number } {
  return { uuid: bytes.slice(8, 24), channel: bytes[24] };
}

/** `unused`: what stands in the offset entries that are not used. */
export function twinEncodePacket(packet: TwinPacket, pageSize: number, unused = 0n): Uint8Array {
  const writer = new Writer().number(0x11223344, 4).number(1, 4).number(packet.flags, 4);
  writer.number(packet.pagesAllocated, 4).number(packet.normalPages, 4).number(packet.payloadSize, 4);
  writer.number(packet.packetNumber, 8).number(packet.zeroPages, 4).raw(new Uint8Array(28));
  writer.text(packet.blockName).raw(new Uint8Array(256 - Buffer.byteLength(packet.blockName)));
  for (let i = 0; i < 524288 / pageSize; i++) {
    writer.number(i < packet.offsets.length ? BigInt(packet.offsets[i]) : unused, 8);
  }
  return writer.done();
}

export function twinDecodePacket(bytes: Uint8Array): TwinPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const normalPages = view.getUint32(16);
  const zeroPages = view.getUint32(32);
  const count = normalPages + zeroPages;
  const offsets: number[] = [];
  for (let i = 0; i < count; i++) offsets.push(Number(view.getBigUint64(320 + 8 * i)));
  const name = Buffer.from(bytes.subarray(64, 320)).toString('utf8').split('\0')[0];
  return {
    flags: view.getUint32(8),
    pagesAllocated: view.getUint32(12),
    normalPages,
    payloadSize: normalPages > 0 ? view.getUint32(20) : 0,
    packetNumber: Number(view.getBigUint64(24)),
    zeroPages,
    blockName: count > 0 ? name : '',
    offsets,
  };
}

export function twinEncodeMain(pieces: readonly TwinPiece[]): Uint8Array {
  const writer = new Writer();
  for (const piece of pieces) twinWrite(writer, piece);
  return writer.done();
}

function twinWrite(writer: Writer, piece: TwinPiece): void {
  switch (piece.kind) {
    case 'header':
      writer.text('QEVM').number(3, 4).number(7, 1);
      break;
    case 'configuration':
      writer.number(Buffer.byteLength(piece.machineType), 4).text(piece.machineType);
      if (piece.bits !== undefined) {
        writer.number(5, 1).pstr('configuration/target-page-bits').number(1, 4).number(piece.bits, 4);
      }
      if (piece.capabilities !== undefined) {
        writer
          .number(5, 1)
          .pstr('configuration/capabilities')
          .number(1, 4)
          .number(piece.capabilities.length, 4);
        for (const name of piece.capabilities) writer.pstr(name);
      }
      if (piece.uuid !== undefined) {
        writer.number(5, 1).pstr('configuration/uuid').number(1, 4).raw(piece.uuid);
      }
      break;
    case 'command':
      writer.number(8, 1).number(piece.command, 2).number(piece.data.length, 2).raw(piece.data);
      break;
    case 'start':
      writer.number(1, 1).number(piece.id, 4).pstr(piece.idstr);
      writer.number(piece.instance, 4).number(piece.version, 4);
      break;
    case 'part':
    case 'end':
    case 'footer':
      writer.number({ part: 2, end: 3, footer: 0x7e }[piece.kind], 1).number(piece.id, 4);
      break;
    case 'blocks': {
      const total = piece.blocks.reduce((sum, { length }) => sum + BigInt(length), 0n);
      writer.number(total | 4n, 8);
      for (const { name, length } of piece.blocks) writer.pstr(name).number(length, 8);
      break;
    }
    case 'zero':
      twinPageWord(writer, 2n, piece.offset, piece.block);
      writer.number(0, 1);
      break;
    case 'page':
      twinPageWord(writer, 8n, piece.offset, piece.block);
      writer.raw(piece.data);
      break;
    case 'flush':
      writer.number(0x200, 8);
      break;
    case 'eos':
      writer.number(0x10, 8);
      break;
    case 'eof':
      writer.number(0, 1);
      break;
    case 'device':
      writer.number(4, 1).number(piece.id, 4).pstr(piece.device.idstr).number(piece.device.instanceId, 4);
      writer.number(piece.device.versionId, 4).raw(piece.device.body).number(0x7e, 1).number(piece.id, 4);
      break;
    case 'no-bitmap':
      writer.number(1, 1).number(piece.id, 4).pstr('dirty-bitmap').number(0, 4).number(1, 4);
      writer.number(1, 1).number(0x7e, 1).number(piece.id, 4);
      break;
    case 'description':
      writer.number(6, 1).number(Buffer.byteLength(piece.json), 4).text(piece.json);
      break;
  }
}

function twinPageWord(writer: Writer, flag: bigint, offset: number, block: string | undefined): void {
  writer.number(BigInt(offset) | flag | (block === undefined ? 0x20n : 0n), 8);
  if (block !== undefined) writer.pstr(block);
}
