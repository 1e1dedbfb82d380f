/**
 * Entry of the source's migration thread, which runs the rounds, decides when to stop, and writes the main stream.
 */
import { workerData } from 'node:worker_threads';
import type {
  FromMigrationThread,
  SourceMigrationData,
  ToMigrationThread,
} from '../engine/source/messages.js';
import { MigrationThread } from '../engine/source/migration-thread.js';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';

const { data, claim }: ThreadData<SourceMigrationData> = workerData;
const port = new ThreadPort<ToMigrationThread, FromMigrationThread>(claim);
await runThread(port, new MigrationThread(data, port));
