import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import {
  type Guest,
  type MigrateOptions,
  type MigrateResult,
  type MigrationParameters,
  migrate as migrateWith,
} from '@multifd/core';
import {
  migrateIncoming,
  type QemuMigrationParameters,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import type { MigrationInfo } from '../../src/qmp/migration-info.js';
import type { Qemu } from './qemu.js';

/** ms for one migration of a small guest. */
const PATIENCE = 60_000;
/** ms for what a QEMU says of a migration that failed: with a channel too many it may hang, and never says it. */
const HUNG = 5000;

const ACCELERATOR = {
  module: pathToFileURL(createRequire(import.meta.url).resolve('@multifd/accel-js')).href,
  name: 'js',
};

/** What compresses, and what QEMU has to be told of it. */
export interface SentCodec extends Pick<MigrateOptions, 'methodModules' | 'methodSettings'> {
  readonly qemu?: QemuMigrationParameters;
}

/** Core's `migrate`, with the accelerator in JavaScript. */
export function migrateGuest(options: Omit<MigrateOptions, 'accelerator'>): Promise<MigrateResult> {
  return migrateWith({ ...options, accelerator: ACCELERATOR });
}

/** Migrates a guest out of our engine into a real QEMU that was started with `incoming`. */
export async function sendTo(
  destination: Qemu,
  guest: Guest,
  socket: string,
  parameters: Partial<MigrationParameters>,
  channelsThere = parameters.multifdChannels ?? 2,
  codec: SentCodec = {},
): Promise<{ result: MigrateResult; info: MigrationInfo }> {
  const channels = parameters.multifdChannels ?? 2;
  await setCapabilities(destination.qmp, { multifd: true });
  await setParameters(destination.qmp, { 'multifd-channels': channelsThere, ...codec.qemu });
  await migrateIncoming(
    destination.qmp,
    `unix:${socket}`,
    destination.qmp.version.major >= 9 ? { exitOnError: false } : {},
  );
  try {
    const result = await migrateGuest({
      guest,
      to: `unix:${socket}`,
      methodModules: codec.methodModules ?? [],
      methodSettings: codec.methodSettings ?? {},
      parameters: { stallTimeout: 20_000, ...parameters, multifdChannels: channels },
    });
    return { result, info: await waitForMigration(destination.qmp, ['completed', 'failed'], PATIENCE) };
  } catch (error) {
    const info = await destination.qmp
      .execute('query-migrate', {}, { timeout: HUNG })
      .catch((late: unknown) => String(late));
    throw new Error(`${String(error)}; QEMU: ${JSON.stringify(info)} ${destination.log()}`, { cause: error });
  }
}
