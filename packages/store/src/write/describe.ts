import type { GuestRamDescriptor, RawDeviceState, StreamConfiguration } from '@multifd/core';
import type { SnapshotHead } from '../format/head.js';
import { CHUNK_SIZE } from '../format/layout.js';
import { RunWriter } from '../format/runs.js';
import { uuidText } from '../format/uuid.js';
import type { NamedSnapshot } from '../store.js';
import { type Ingested, ZERO } from './ingest.js';
import { chooseParent } from './parent.js';

/** A guest at rest: of core's `ReceiveResult`, or put together by the caller. */
export interface GuestAtRest {
  readonly machineType: string;
  readonly configuration: StreamConfiguration;
  /** Nobody may write to it. */
  readonly ram: GuestRamDescriptor;
  /** One `DirtyBitmap` for each block: the pages that hold content. All others are zero. */
  readonly receivedPages: readonly SharedArrayBuffer[];
  readonly rawDeviceState: RawDeviceState & { readonly vmdesc: string | undefined };
  /** 16 bytes. Goes before that of `configuration`. */
  readonly uuid?: Uint8Array;
}

/** What a snapshot's file says of a guest whose chunks are in packs. */
export function describe(guest: GuestAtRest, ingested: Ingested, candidates: readonly NamedSnapshot[]) {
  const { machineType, configuration, ram, rawDeviceState } = guest;
  const { vmdesc, ...devices } = rawDeviceState;
  const uuid = guest.uuid ?? configuration.uuid;
  const used = new Map<number, number>();
  let content = 0;
  const blocks = ram.blocks.map(({ name, length }, block) => {
    const runs = new RunWriter();
    ingested.entries[block]?.forEach((entry, chunk) => {
      if (entry === ZERO) {
        runs.add(0, 0);
        return;
      }
      content += Math.min(CHUNK_SIZE, length - chunk * CHUNK_SIZE);
      const pack = ingested.table.packOf(entry);
      const number = used.get(pack) ?? used.size + 1;
      used.set(pack, number);
      runs.add(number, ingested.table.placeOf(entry));
    });
    return { name, size: length, runs: runs.bytes };
  });
  const head: Omit<SnapshotHead, 'blocks' | 'packs' | 'devices' | 'chunkSize'> = {
    machineType,
    uuid: uuid === undefined ? null : uuidText(uuid),
    time: new Date().toISOString(),
    parent: chooseParent(candidates, ingested),
    pageSize: ram.pageSize,
    targetPageBits: configuration.targetPageBits ?? null,
    content,
    added: ingested.added,
    stored: ingested.stored,
  };
  const packs = [...used.keys()].map((number) => ingested.packs[number] ?? '');
  return { head, blocks, packs, devices, described: vmdesc !== undefined };
}
