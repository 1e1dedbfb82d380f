import { checkGuestRam } from '@multifd/core/ram';
import { damaged } from './damage.js';
import { isHashText } from './hash.js';
import { CHUNK_SIZE, MOST_BLOCKS, MOST_RAM } from './layout.js';
import { checkName } from './names.js';

/** A snapshot that another one shares most of its chunks with. */
export interface Parent {
  readonly name: string;
  readonly id: string;
}

/** What a snapshot says of itself in words: JSON, at the beginning of its file. */
export interface SnapshotHead {
  readonly machineType: string;
  /** 32 hex digits with dashes; null: none is known. */
  readonly uuid: string | null;
  /** When it was complete: ISO 8601, UTC. */
  readonly time: string;
  readonly parent: Parent | null;
  /** Bytes. */
  readonly pageSize: number;
  /** Bytes. */
  readonly chunkSize: number;
  /** As the stream's configuration had it, if it did. */
  readonly targetPageBits: number | null;
  readonly blocks: readonly { readonly name: string; readonly size: number; readonly runs: number }[];
  readonly packs: number;
  /** Bytes of each part. `described`: the rest ends with a description of all devices. */
  readonly devices: {
    readonly beforeRam: number;
    readonly early: number;
    readonly rest: number;
    readonly described: boolean;
  };
  /** Bytes of RAM in chunks that are not zero; and what of it was new in the store, as RAM and as stored. */
  readonly content: number;
  readonly added: number;
  readonly stored: number;
}

export function formatHead(head: SnapshotHead): Uint8Array {
  const document = {
    'machine-type': head.machineType,
    uuid: head.uuid,
    time: head.time,
    parent: head.parent,
    'page-size': head.pageSize,
    'chunk-size': head.chunkSize,
    'target-page-bits': head.targetPageBits,
    blocks: head.blocks,
    packs: head.packs,
    devices: {
      'before-ram': head.devices.beforeRam,
      early: head.devices.early,
      rest: head.devices.rest,
      described: head.devices.described,
    },
    content: head.content,
    added: head.added,
    stored: head.stored,
  };
  return Buffer.from(JSON.stringify(document));
}

/** @param what for messages. @throws MultifdError `protocol` for what `formatHead` does not write. */
export function parseHead(text: string, what: string): SnapshotHead {
  const value = jsonOf(text);
  const fail = (fault: string): never => {
    throw damaged(what, fault);
  };
  if (!isRecord(value)) return fail('its head is no JSON object');
  const { uuid, time, parent, blocks, packs, devices, content, added, stored } = value;
  const machineType = value['machine-type'];
  const pageSize = value['page-size'];
  const targetPageBits = value['target-page-bits'];
  if (typeof machineType !== 'string' || !isMachineType(machineType)) return fail('its machine type');
  if (uuid !== null && !(typeof uuid === 'string' && UUID.test(uuid))) return fail('its uuid');
  if (typeof time !== 'string' || !isTime(time)) return fail('its time');
  if (parent !== null && !isParent(parent)) return fail('its parent');
  if (!isCount(pageSize)) return fail('its page size');
  if (value['chunk-size'] !== CHUNK_SIZE) return fail(`its chunk size is not ${CHUNK_SIZE}`);
  if (targetPageBits !== null && !isCount(targetPageBits)) return fail('its target page bits');
  if (!Array.isArray(blocks) || blocks.length > MOST_BLOCKS || !blocks.every(isBlock))
    return fail('its blocks');
  if (!isCount(packs)) return fail('its number of packs');
  if (!isRecord(devices) || typeof devices.described !== 'boolean') return fail('its devices');
  const { early, rest, described } = devices;
  const beforeRam = devices['before-ram'];
  if (!isCount(beforeRam) || !isCount(early) || !isCount(rest)) return fail('its devices');
  if (!isCount(content) || !isCount(added) || !isCount(stored)) return fail('its counts of bytes');
  checkRam(blocks, pageSize, what);
  return {
    machineType,
    uuid,
    time,
    parent,
    pageSize,
    chunkSize: CHUNK_SIZE,
    targetPageBits,
    blocks,
    packs,
    devices: { beforeRam, early, rest, described },
    content,
    added,
    stored,
  };
}

/** Names and lengths as core wants them of any guest. */
function checkRam(
  blocks: readonly { readonly name: string; readonly size: number }[],
  pageSize: number,
  what: string,
): void {
  const total = blocks.reduce((sum, { size }) => sum + size, 0);
  if (total > MOST_RAM) throw damaged(what, `${total} bytes of RAM`);
  try {
    const kind = 'file' as const;
    checkGuestRam({
      pageSize,
      blocks: blocks.map(({ name, size }) => ({ kind, name, length: size, path: what, writable: false })),
    });
  } catch (error) {
    throw damaged(what, error instanceof Error ? error.message : String(error));
  }
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

function isMachineType(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= 255 && !text.includes('\0');
}

/** As `toISOString` writes it, and no other way. */
function isTime(text: string): boolean {
  const moment = Date.parse(text);
  return !Number.isNaN(moment) && new Date(moment).toISOString() === text;
}

function isParent(value: unknown): value is Parent {
  if (!isRecord(value) || typeof value.name !== 'string' || typeof value.id !== 'string') return false;
  try {
    checkName(value.name);
  } catch {
    return false;
  }
  return isHashText(value.id);
}

function isBlock(value: unknown): value is SnapshotHead['blocks'][number] {
  return (
    isRecord(value) &&
    typeof value.name === 'string' &&
    isCount(value.size) &&
    isCount(value.runs) &&
    value.runs <= Math.ceil(value.size / CHUNK_SIZE)
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
