/// <reference types="node" preserve="true" />
/**
 * A deduplicating store of guests at rest (docs/store-format.md).
 * @module @multifd/store
 */
import { checkVersion } from './node-version.js';

checkVersion(process.versions.node);

export type { Parent, SnapshotHead } from './format/head.js';
export { CHUNK_SIZE } from './format/layout.js';
export { checkName } from './format/names.js';
export type { ChunkRuns } from './format/runs.js';
export { parseSnapshot, type Snapshot } from './format/snapshot.js';
export { Lease } from './lease/lease.js';
export { type Reading, startReading } from './lease/reading.js';
export {
  type BlockDifference,
  type Difference,
  diffSnapshots,
} from './maintain/diff.js';
export { type Collected, collectGarbage } from './maintain/gc.js';
export { type Verification, type VerifyOptions, verifyStore } from './maintain/verify.js';
export { DiskObjects } from './objects/disk.js';
export type { ObjectEntry, ObjectPlace, ObjectStore, S3Place } from './objects/object-store.js';
export { openObjects } from './objects/open.js';
export { S3Objects } from './objects/s3.js';
export { mirrorSnapshot } from './read/mirror.js';
export { openSnapshot, type StoredGuest } from './read/open-snapshot.js';
export { canMake, type NamedSnapshot, Store } from './store.js';
export type { GuestAtRest } from './write/describe.js';
export { SnapshotWriter, type WriterOptions } from './write/snapshot-writer.js';
