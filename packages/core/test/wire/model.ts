import type { Random } from '@multifd/testing/random';
import { toHex } from './notation.js';
import type { PlainRecord } from './plain.js';
import { type TwinDevice, type TwinPacket, type TwinPiece, twinEncodeMain } from './twin.js';

/** A stream as the twin writes it, and the records that it must give, zero runs not yet joined. */
export interface ModelStream {
  readonly pieces: readonly TwinPiece[];
  readonly records: readonly PlainRecord[];
}

const NAMES = ['pc.ram', 'pc.bios', '/rom@etc/acpi/tables', '0000:00:03.0/vga.vram', 'ä', 'x'.repeat(255)];

export function randomPacket(random: Random, pageSize: number): TwinPacket {
  const capacity = 524288 / pageSize;
  const pagesAllocated = random.int(3) === 0 ? random.int(capacity + 1) : capacity;
  const normalPages = random.int(pagesAllocated + 1);
  const zeroPages = random.int(pagesAllocated - normalPages + 1);
  const count = normalPages + zeroPages;
  // Pages below 2^53: beyond 4 GiB every other time.
  const pages = random.int(2) === 0 ? 1000 : 2 ** 53 / pageSize;
  return {
    flags: pick(random, [0, 1, 2, 4, 0x21]),
    pagesAllocated,
    normalPages,
    zeroPages,
    payloadSize: normalPages * pageSize,
    packetNumber: random.int(2 ** 53),
    blockName: count > 0 ? pick(random, NAMES) : '',
    offsets: Array.from({ length: count }, () => random.int(pages) * pageSize),
  };
}

export function randomStream(random: Random, pageSize: number): ModelStream {
  const pieces: TwinPiece[] = [{ kind: 'header' }];
  const records: PlainRecord[] = [{ type: 'header' }];
  addConfiguration(random, pageSize, pieces, records);
  for (let i = random.int(3); i > 0; i--) addCommand(random, pageSize, pieces, records);
  const blocks = NAMES.slice(random.int(NAMES.length)).map((name) => ({
    name,
    length: pageSize * (1 + random.int(random.int(2) === 0 ? 20 : 2 ** 30)),
  }));
  const id = random.int(2 ** 32);
  const idstr = 'ram';
  // A section id is one object's alone (docs/wire.md, 2.3).
  const taken = new Set([id]);
  const before = addEarly(random, taken, true, pieces, records);
  let current: string | undefined;
  const open = (kind: 'start' | 'part' | 'end'): void => {
    pieces.push(kind === 'start' ? { kind, id, idstr, instance: 0, version: 4 } : { kind, id });
    records.push({ type: 'section', kind, sectionId: id, idstr, instanceId: 0, versionId: 4 });
  };
  const close = (): void => {
    pieces.push({ kind: 'eos' }, { kind: 'footer', id });
    records.push({ type: 'eos' }, { type: 'footer', sectionId: id });
  };
  const flush = (): void => {
    pieces.push({ kind: 'flush' });
    records.push({ type: 'flush' });
  };
  const addPages = (): void => {
    for (let i = random.int(12); i > 0; i--) {
      const { name, length } = pick(random, blocks);
      const block = name === current && random.int(4) > 0 ? undefined : name;
      current = name;
      const offset = pageSize * random.int(length / pageSize);
      if (random.int(8) === 0) {
        const data = random.bytes(pageSize);
        pieces.push({ kind: 'page', block, offset, data });
        records.push({ type: 'page', blockName: name, offset, data: toHex(data) });
      } else {
        pieces.push({ kind: 'zero', block, offset });
        records.push({ type: 'zero', blockName: name, offsets: [offset] });
        for (let run = random.int(40); run > 0; run--) {
          const next = pageSize * random.int(length / pageSize);
          pieces.push({ kind: 'zero', block: undefined, offset: next });
          records.push({ type: 'zero', blockName: name, offsets: [next] });
        }
      }
      if (random.int(6) === 0) flush();
    }
  };
  open('start');
  pieces.push({ kind: 'blocks', blocks });
  records.push({
    type: 'block-list',
    totalBytes: blocks.reduce((sum, { length }) => sum + length, 0),
    blocks,
  });
  if (random.int(2) === 0) flush();
  close();
  const early = [...before, ...addEarly(random, taken, false, pieces, records)];
  for (let i = random.int(4); i > 0; i--) {
    open('part');
    addPages();
    close();
  }
  open('end');
  addPages();
  close();
  addDevices(random, pageSize, early, pieces, records);
  return { pieces, records };
}

function addConfiguration(
  random: Random,
  pageSize: number,
  pieces: TwinPiece[],
  records: PlainRecord[],
): void {
  const machineType = pick(random, ['pc-q35-10.0', 'pc-i440fx-7.2', 'virt-9.2']);
  const uuid = random.int(2) === 0 ? random.bytes(16) : undefined;
  const bits = random.int(2) === 0 ? Math.log2(pageSize) : undefined;
  pieces.push({
    kind: 'configuration',
    machineType,
    ...(bits === undefined ? {} : { bits }),
    ...(uuid === undefined ? {} : { uuid }),
  });
  records.push({
    type: 'configuration',
    machineType,
    capabilities: [],
    ...(bits === undefined ? {} : { targetPageBits: bits }),
    ...(uuid === undefined ? {} : { uuid: toHex(uuid) }),
  });
}

/** The data of a POSTCOPY_ADVISE that announces postcopy. */
function adviceFor(pageSize: number): Uint8Array {
  const data = Buffer.alloc(16);
  data.writeBigUInt64BE(BigInt(pageSize), 0);
  data.writeBigUInt64BE(BigInt(pageSize), 8);
  return new Uint8Array(data);
}

function addCommand(random: Random, pageSize: number, pieces: TwinPiece[], records: PlainRecord[]): void {
  const command = pick(random, [1, 2, 3, 11]);
  const data =
    command === 3 && random.int(2) === 0 ? adviceFor(pageSize) : random.bytes(command === 2 ? 4 : 0);
  pieces.push({ kind: 'command', command, data });
  records.push({ type: 'command', command, data: toHex(data) });
}

interface EarlyDevice extends TwinDevice {
  readonly early: true;
  readonly beforeRam?: true;
}

/** Sections around the START section of RAM, whose ids are not among the `taken`. */
function addEarly(
  random: Random,
  taken: Set<number>,
  beforeRam: boolean,
  pieces: TwinPiece[],
  records: PlainRecord[],
): readonly EarlyDevice[] {
  const idFor = (body: Uint8Array): number => {
    // A body that has the section's own footer in it cannot be told from a section that ends there.
    let id: number;
    do id = random.int(random.int(2) === 0 ? 200 : 2 ** 32);
    while (taken.has(id) || contains(body, id));
    taken.add(id);
    return id;
  };
  const place = beforeRam ? ({ early: true, beforeRam } as const) : ({ early: true } as const);
  const devices = Array.from({ length: random.int(3) }, (_, instanceId) => {
    const body = nastyBytes(random, random.int(300));
    const device = { idstr: 'virtio-mem-early', instanceId, versionId: random.int(5), body };
    const piece: TwinPiece = { kind: 'device', id: idFor(body), device };
    pieces.push(piece);
    records.push({
      type: 'early-section',
      bytes: toHex(twinEncodeMain([piece])),
      beforeRam,
      section: { ...device, body: toHex(body), ...place },
    });
    return { ...device, ...place };
  });
  if (random.int(4) > 0) return devices;
  const piece: TwinPiece = { kind: 'no-bitmap', id: idFor(new Uint8Array(0)) };
  pieces.push(piece);
  records.push({
    type: 'early-section',
    bytes: toHex(twinEncodeMain([piece])),
    beforeRam,
    section: 'none',
  });
  return devices;
}

/** Whether the footer of section `id` stands in `body`, or only begins there: its end may complete it. */
function contains(body: Uint8Array, id: number): boolean {
  const footer = Buffer.alloc(5);
  footer[0] = 0x7e;
  footer.writeUInt32BE(id, 1);
  return Buffer.concat([body, footer]).indexOf(footer) < body.length;
}

function addDevices(
  random: Random,
  pageSize: number,
  early: readonly EarlyDevice[],
  pieces: TwinPiece[],
  records: PlainRecord[],
): void {
  const devices: TwinDevice[] = Array.from({ length: random.int(5) }, (_, i) => ({
    idstr: pick(random, ['timer', 'globalstate', '0000:00:1f.2/ich9_ahci']),
    instanceId: i,
    versionId: random.int(5),
    body: nastyBytes(random, random.int(200)),
  }));
  const list = [...early, ...devices].map(({ idstr, instanceId, body }) => ({
    name: idstr,
    instance_id: instanceId,
    size: body.length,
    fields: [{ name: 'data', type: 'buffer', size: body.length }],
  }));
  const json = JSON.stringify({ configuration: {}, page_size: pageSize, devices: list });
  const tail: TwinPiece[] = devices.map((device) => ({ kind: 'device', id: random.int(8), device }));
  tail.push({ kind: 'eof' }, { kind: 'description', json });
  pieces.push(...tail);
  records.push({
    type: 'device-state',
    bytes: toHex(twinEncodeMain(tail)),
    sections: [
      ...early.map(({ body, ...device }) => ({ ...device, body: toHex(body) })),
      ...devices.map(({ body, ...device }) => ({ ...device, body: toHex(body) })),
    ],
    vmdesc: json,
  });
}

/** Mostly bytes that mean something to the framing. */
export function nastyBytes(random: Random, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () =>
    random.int(4) === 0 ? random.int(256) : pick(random, [0, 0, 0, 6, 4, 1, 0x7e, 0x7b, 0x7d]),
  );
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.int(items.length)];
}
