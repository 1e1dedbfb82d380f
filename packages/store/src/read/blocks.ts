/** The module with which core's threads open the blocks of a snapshot. */
import { type HostBlocks, MultifdError, sendAsIs } from '@multifd/core/host';
import { parseSnapshot, type Snapshot } from '../format/snapshot.js';
import { ChunkReader } from './chunk-reader.js';
import { DiskPacks, readExactly } from './disk-packs.js';
import { type BlockHandle, handleOf } from './handle.js';
import { StoredBlock } from './stored-block.js';

interface OpenSnapshot {
  readonly snapshot: Snapshot;
  readonly packs: DiskPacks;
  readonly reader: ChunkReader;
  users: number;
}

/** Of this thread: all blocks of a snapshot share its packs. */
const OPEN = new Map<string, OpenSnapshot>();

export const hostBlocks: HostBlocks = {
  specVersion: 1,
  open: (descriptor) => openBlock(handleOf(descriptor)),
  openToSend: (descriptor) => sendAsIs(openBlock(handleOf(descriptor))),
};

function openBlock(handle: BlockHandle): StoredBlock {
  const key = `${handle.fd} ${handle.id} ${handle.directory}`;
  const open = OPEN.get(key) ?? openSnapshot(handle);
  OPEN.set(key, open);
  const { snapshot, reader, packs } = open;
  const block = snapshot.head.blocks[handle.block];
  const runs = snapshot.runs[handle.block];
  if (block === undefined || runs === undefined)
    throw new MultifdError('usage', `${handle.snapshot}: there is no block ${handle.block}`);
  open.users++;
  return new StoredBlock(block, handle.block, runs, reader, () => {
    open.users--;
    if (open.users > 0) return;
    OPEN.delete(key);
    packs.close();
  });
}

function openSnapshot({ directory, fd, size, id, snapshot: what }: BlockHandle): OpenSnapshot {
  const snapshot = parseSnapshot(readExactly(fd, new Uint8Array(size), 0, what), what);
  if (snapshot.id !== id) throw new MultifdError('io', `${what}: the file has changed since it was opened`);
  const packs = new DiskPacks(directory);
  return { snapshot, packs, reader: new ChunkReader(snapshot, packs, what), users: 0 };
}
