import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import {
  COMMAND,
  createRamPacket,
  EOS_RECORD,
  encodeBlockList,
  encodeCommand,
  encodeConfiguration,
  encodeEndOfSections,
  encodeFileHeader,
  encodeFooter,
  encodeInitPacket,
  encodePageRecordHeader,
  encodeRamPacket,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
  encodeZeroRecord,
  FLAG_SYNC,
  FLUSH_RECORD,
  packetHeaderSize,
} from '../../src/public/wire.js';

const RAM_ID = 3;
const PAGE_SIZE = 4096;

export interface Block {
  readonly name: string;
  readonly length: number;
}

export interface PacketParts {
  readonly block?: string;
  readonly normal?: readonly number[];
  readonly zero?: readonly number[];
  /** The normal pages are filled with this byte. */
  readonly fill?: number;
  readonly sync?: boolean;
  /** Compression bits of a method whose payload is the pages as they are. */
  readonly flags?: number;
  /** One count for all channels of a migration. */
  readonly number?: number;
}

/** The bytes of main and of channels, made by hand: what a source may send, in any order. */
export const raw = {
  header: (machineType = 'none'): Uint8Array =>
    Buffer.concat([encodeFileHeader(), encodeConfiguration({ machineType })]),
  returnPath: (): Uint8Array => encodeCommand(COMMAND.OPEN_RETURN_PATH),
  /** START with the block list; `body` comes before the end of the section. */
  start: (blocks: readonly Block[], body: Uint8Array = FLUSH_RECORD): Uint8Array =>
    Buffer.concat([
      encodeSectionStart('start', RAM_ID, 'ram', 0, 4),
      encodeBlockList(blocks),
      body,
      EOS_RECORD,
      encodeFooter(RAM_ID),
    ]),
  part: (kind: 'part' | 'end', body: Uint8Array = FLUSH_RECORD): Uint8Array =>
    Buffer.concat([encodeSectionPart(kind, RAM_ID), body, EOS_RECORD, encodeFooter(RAM_ID)]),
  flush: FLUSH_RECORD,
  nothing: new Uint8Array(0),
  end: (): Uint8Array =>
    Buffer.concat([
      encodeEndOfSections(),
      encodeVmDescription('{"configuration":{},"page_size":4096,"devices":[]}'),
    ]),
  zeroRecord: (offset: number, block?: string): Uint8Array => encodeZeroRecord(offset, block),
  pageRecord: (offset: number, fill: number, block?: string): Uint8Array =>
    Buffer.concat([encodePageRecordHeader(offset, block), new Uint8Array(PAGE_SIZE).fill(fill)]),
  init: (channel: number, uuid = new Uint8Array(16)): Uint8Array => encodeInitPacket({ uuid, channel }),
  packet(parts: PacketParts): Uint8Array {
    const { block = '', normal = [], zero = [], fill = 0, sync = false, flags = 0, number = 0 } = parts;
    const packet = createRamPacket(PAGE_SIZE);
    packet.flags = sync ? FLAG_SYNC : flags;
    packet.pagesAllocated = normal.length + zero.length > 0 ? 128 : 0;
    packet.normalPages = normal.length;
    packet.zeroPages = zero.length;
    packet.payloadSize = normal.length * PAGE_SIZE;
    packet.packetNumber = number;
    packet.blockName = block;
    packet.offsets.set([...normal, ...zero]);
    const header = new Uint8Array(packetHeaderSize(PAGE_SIZE));
    encodeRamPacket(packet, header, PAGE_SIZE);
    return Buffer.concat([header, new Uint8Array(packet.payloadSize).fill(fill)]);
  },
  sync: (number = 0): Uint8Array => raw.packet({ sync: true, number }),
} as const;

/** Connections to a destination. */
export class RawSource {
  readonly #to: NetConnectOpts;
  readonly sockets: Socket[] = [];

  /** @param address `tcp:127.0.0.1:PORT` or `unix:PATH`. */
  constructor(address: string) {
    const last = address.slice(address.lastIndexOf(':') + 1);
    this.#to = address.startsWith('unix:')
      ? { path: last }
      : { host: '127.0.0.1', port: Number(last), noDelay: true };
  }

  /** A new connection that has sent `bytes`. */
  async open(...bytes: readonly Uint8Array[]): Promise<Socket> {
    const socket = connect(this.#to);
    socket.on('error', () => {});
    socket.resume();
    this.sockets.push(socket);
    await once(socket, 'connect');
    for (const part of bytes) socket.write(part);
    return socket;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
