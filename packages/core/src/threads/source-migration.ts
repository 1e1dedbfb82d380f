/** Entry of the source's migration thread: set up, cut rounds, decide when to stop, write the main stream. */
import { workerData } from 'node:worker_threads';
import type {
  FromMigrationThread,
  SourceMigrationData,
  ToMigrationThread,
} from '../engine/source/messages.js';
import { MigrationThread } from '../engine/source/migration-thread.js';
import { runThread, ThreadPort } from '../engine/thread-port.js';

const data: SourceMigrationData = workerData;
const port = new ThreadPort<ToMigrationThread, FromMigrationThread>();
await runThread(port, new MigrationThread(data, port));
