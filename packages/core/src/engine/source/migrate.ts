import { MultifdError } from '../../errors.js';
import { checkLimits, threadsOf } from '../../limits/needs.js';
import { checkNode } from '../../limits/node-version.js';
import { startThreadPool } from '../../limits/thread-pool.js';
import { canShare } from '../../transport/can-share.js';
import { type MigrationIo, prepareSocketIo, type SocketIoLink } from '../../transport/socket-io.js';
import type { MigrateOptions, MigrateResult, Migrating } from '../api.js';
import { checkMethod, checkMigrateOptions } from '../check-options.js';
import { SourceMigration } from './migration.js';
import { checkSource } from './options.js';

/** Memory that a migration is reading: a guest migrates to one destination at a time. */
const migrating = new WeakSet<object>();

/**
 * Migrates a guest to a destination: a `receive` of this package, or a QEMU with `-incoming`.
 *
 * If this fails, the guest runs on here: `guest.resume` has been called if it had been stopped, nothing is lost, and
 * the guest can be migrated again at once. One doubt remains that no protocol can remove: a destination that has
 * everything and falls silent before its answer arrives (`timeout` or `peer-closed`, with a hint to make sure that the
 * guest does not run there).
 *
 * @returns when the destination has everything and the guest must run only there.
 * @throws MultifdError the first thing that went wrong; `cancelled` if `signal` was aborted in time.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  return (await startMigration(options)).result;
}

/**
 * Starts a migration and returns a handle: to watch it, to change its parameters while it runs, to cancel it.
 * @throws MultifdError `usage`, or `accelerator-unavailable` if a check is asked for without an accelerator.
 */
export async function startMigration(options: MigrateOptions): Promise<Migrating> {
  checkNode();
  checkMigrateOptions(options);
  const checked = checkSource(options);
  checkMethod(checked.parameters.multifdCompression, options);
  const key = options.guest.ram.blocks[0] ?? options.guest.ram;
  if (migrating.has(key)) throw new MultifdError('usage', 'this guest is being migrated already');
  migrating.add(key);
  let io: MigrationIo | undefined;
  const release = (): void => {
    io?.interrupt.close();
    migrating.delete(key);
  };
  try {
    const needs = (io?: SocketIoLink) =>
      threadsOf(checked.parameters.multifdChannels, 1, canShare(checked.tls, io));
    // Loading a module takes threads too: what is needed at least is checked before.
    checkLimits(needs());
    startThreadPool();
    io = await prepareSocketIo(options.socketIo);
    checkLimits(needs(io?.link));
    const migration = new SourceMigration(options, checked, io);
    const result = migration.run().finally(release);
    // Mark the rejection handled: the caller may look at the result later.
    result.catch(() => {});
    return {
      result,
      statistics: () => migration.statistics(),
      setParameters: (changes) => migration.setParameters(changes),
      cancel: () => migration.cancel(),
    };
  } catch (error) {
    release();
    throw error;
  }
}
