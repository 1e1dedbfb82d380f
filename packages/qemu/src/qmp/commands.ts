import { isObject } from '../json.js';
import type { QemuCapability } from './capabilities.js';
import type { QmpClient } from './client.js';
import { QmpError } from './error.js';
import { type MigrationInfo, type QemuMigrationStatus, readMigrationInfo } from './migration-info.js';

/** QEMU's migration parameters under their own names (docs/wire.md, 10); bytes a second, ms. */
export interface QemuMigrationParameters {
  readonly 'multifd-channels'?: number;
  readonly 'multifd-compression'?: 'none' | 'zlib' | 'zstd' | 'qpl' | 'uadk' | 'qatzip';
  readonly 'multifd-zlib-level'?: number;
  readonly 'multifd-zstd-level'?: number;
  readonly 'zero-page-detection'?: 'none' | 'legacy' | 'multifd';
  readonly 'max-bandwidth'?: number;
  readonly 'downtime-limit'?: number;
  /** Percent, as the next three. */
  readonly 'throttle-trigger-threshold'?: number;
  readonly 'cpu-throttle-initial'?: number;
  readonly 'cpu-throttle-increment'?: number;
  readonly 'max-cpu-throttle'?: number;
  readonly 'direct-io'?: boolean;
  /** Id of a `tls-creds-*` object; empty: no TLS. */
  readonly 'tls-creds'?: string;
  /** Source: the name that the destination's certificate must have. */
  readonly 'tls-hostname'?: string;
  /** Destination: id of an `authz-*` object. */
  readonly 'tls-authz'?: string;
}

/** How a guest's processors stand. */
export interface QemuRunState {
  readonly running: boolean;
  /** `running`, `paused`, `prelaunch`, `inmigrate`, `postmigrate`, ... */
  readonly status: string;
}

/** @throws QmpError, as all of these. */
export async function queryStatus(client: QmpClient): Promise<QemuRunState> {
  const answer = await client.execute('query-status');
  if (!isObject(answer) || typeof answer.running !== 'boolean' || typeof answer.status !== 'string') {
    throw unreadable(client, 'query-status');
  }
  return { running: answer.running, status: answer.status };
}

/** Lets the guest run. */
export async function cont(client: QmpClient): Promise<void> {
  await client.execute('cont');
}

/** Stops the guest's processors. */
export async function stop(client: QmpClient): Promise<void> {
  await client.execute('stop');
}

/** Ends QEMU. */
export async function quit(client: QmpClient): Promise<void> {
  await client.execute('quit');
}

/** Turns capabilities on or off. @throws QmpError `refused` for one that this QEMU does not have. */
export async function setCapabilities(
  client: QmpClient,
  capabilities: Partial<Record<QemuCapability, boolean>>,
): Promise<void> {
  const list = Object.entries(capabilities).map(([capability, state]) => ({ capability, state }));
  if (list.length > 0) await client.execute('migrate-set-capabilities', { capabilities: list });
}

export async function setParameters(client: QmpClient, parameters: QemuMigrationParameters): Promise<void> {
  if (Object.keys(parameters).length > 0) await client.execute('migrate-set-parameters', parameters);
}

/** All migration parameters as they stand: a name that is not there is one that this QEMU does not have. */
export async function queryMigrateParameters(client: QmpClient): Promise<Readonly<Record<string, unknown>>> {
  const answer = await client.execute('query-migrate-parameters');
  if (!isObject(answer)) throw unreadable(client, 'query-migrate-parameters');
  return answer;
}

/** The machine type with its version, under the name that a migration stream has for it: `pc-q35-10.0`. */
export async function queryMachineType(client: QmpClient): Promise<string> {
  const answer = await client.execute('qom-get', { path: '/machine', property: 'type' });
  if (typeof answer !== 'string') throw unreadable(client, 'qom-get');
  return answer.replace(/-machine$/, '');
}

/** Starts to migrate to `uri` (`tcp:HOST:PORT`, `unix:PATH`, `file:PATH`, `exec:COMMAND`). */
export async function migrate(client: QmpClient, uri: string): Promise<void> {
  await client.execute('migrate', { uri });
}

export async function migrateCancel(client: QmpClient): Promise<void> {
  await client.execute('migrate_cancel');
}

/** Goes on after `pause-before-switchover`. */
export async function migrateContinue(client: QmpClient): Promise<void> {
  await client.execute('migrate-continue', { state: 'pre-switchover' });
}

/** Listens at `uri`; for a QEMU started with `-incoming defer`, once its capabilities are set. */
export async function migrateIncoming(
  client: QmpClient,
  uri: string,
  options: {
    /** Whether QEMU exits when loading fails; only from 9.1 on, older ones always do. Default: QEMU's own. */
    readonly exitOnError?: boolean;
  } = {},
): Promise<void> {
  const { exitOnError } = options;
  await client.execute('migrate-incoming', {
    uri,
    ...(exitOnError === undefined ? {} : { 'exit-on-error': exitOnError }),
  });
}

export async function queryMigrate(client: QmpClient): Promise<MigrationInfo> {
  const info = readMigrationInfo(await client.execute('query-migrate'));
  if (info === undefined) throw unreadable(client, 'query-migrate');
  return info;
}

/** Writes `size` bytes of guest-physical memory from `address` on to a file of QEMU's machine. */
export async function saveMemory(
  client: QmpClient,
  address: number,
  size: number,
  path: string,
): Promise<void> {
  await client.execute('pmemsave', { val: address, size, filename: path });
}

/** A command of QEMU's human monitor. Gives what it prints. */
export async function humanMonitorCommand(client: QmpClient, commandLine: string): Promise<string> {
  const answer = await client.execute('human-monitor-command', { 'command-line': commandLine });
  if (typeof answer !== 'string') throw unreadable(client, 'human-monitor-command');
  return answer;
}

/**
 * Asks until the migration has come to one of `statuses`.
 * @param timeout ms in all. @throws QmpError `timeout` that says what the status is instead.
 */
export async function waitForMigration(
  client: QmpClient,
  statuses: readonly QemuMigrationStatus[],
  timeout: number,
): Promise<MigrationInfo> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const info = await queryMigrate(client);
    if (statuses.some((status) => status === info.status)) return info;
    if (performance.now() > deadline) {
      const instead = `${info.status}${info.errorDesc === undefined ? '' : `: ${info.errorDesc}`}`;
      throw new QmpError(
        'timeout',
        `QMP ${client.where}: not ${statuses.join(' or ')} within ${timeout} ms, but ${instead}`,
        { command: 'query-migrate' },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function unreadable(client: QmpClient, command: string): QmpError {
  return new QmpError('protocol', `QMP ${client.where}: ${command}: an answer of another shape`, { command });
}
