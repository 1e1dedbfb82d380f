/**
 * Entry of the source's migration thread, which runs the rounds, decides when to stop, and writes the main stream.
 */
import type {
  FromMigrationThread,
  SourceMigrationData,
  ToMigrationThread,
} from '../engine/source/messages.js';
import { MigrationThread } from '../engine/source/migration-thread.js';
import { runThread } from '../thread/port.js';

await runThread<SourceMigrationData, ToMigrationThread, FromMigrationThread>(
  (data, port) => new MigrationThread(data, port),
);
