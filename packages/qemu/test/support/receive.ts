import { join } from 'node:path';
import {
  type IncomingBlock,
  type IncomingRam,
  type MigrationParameters,
  MultifdError,
  type ReceiveResult,
  receive,
} from '@multifd/core';
import {
  migrate,
  type QemuMigrationParameters,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '../../src/qmp/commands.js';
import type { MigrationInfo } from '../../src/qmp/migration-info.js';
import type { Qemu } from './qemu.js';
import { createTarget } from './ram-files.js';

export interface ReceiveSettings {
  readonly folder: string;
  readonly channels: number;
  /** QEMU's parameter; undefined for one that does not have it. */
  readonly zeroPageDetection?: 'none' | 'legacy' | 'multifd';
  readonly returnPath?: boolean;
  readonly parameters?: Partial<MigrationParameters>;
  readonly methodModules?: readonly string[];
  /** More parameters of QEMU's. */
  readonly qemu?: QemuMigrationParameters;
  /** Default: a file for each block, `receivedPath`. */
  readonly openRam?: (blocks: readonly IncomingBlock[], ahead: number) => IncomingRam;
  readonly commit?: (result: ReceiveResult) => Promise<void>;
}

export interface Received {
  readonly result: ReceiveResult;
  /** What QEMU said at the end. */
  readonly info: MigrationInfo;
  readonly blocks: readonly IncomingBlock[];
}

/** ms for one migration of a small guest. */
const PATIENCE = 60_000;

/** Where block `index` of a received guest is. */
export function receivedPath(folder: string, index: number): string {
  return join(folder, `received-${index}.ram`);
}

/** Migrates a real QEMU into our engine, RAM into files. */
export async function receiveFrom(source: Qemu, settings: ReceiveSettings): Promise<Received> {
  const { folder, channels, zeroPageDetection, returnPath = false } = settings;
  let announced: readonly IncomingBlock[] = [];
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: channels, ...settings.parameters },
    methodModules: settings.methodModules ?? [],
    openRam: (blocks, ahead) => {
      announced = blocks;
      if (settings.openRam !== undefined) return settings.openRam(blocks, ahead);
      return {
        blocks: blocks.map(({ name, length }, index) =>
          createTarget(receivedPath(folder, index), name, length),
        ),
        allZero: true,
      };
    },
    ...(settings.commit === undefined ? {} : { commit: settings.commit }),
  });
  await setCapabilities(source.qmp, { multifd: true, 'return-path': returnPath });
  await setParameters(source.qmp, {
    'multifd-channels': channels,
    'max-bandwidth': 0,
    ...settings.qemu,
    ...(zeroPageDetection === undefined ? {} : { 'zero-page-detection': zeroPageDetection }),
  });
  await migrate(source.qmp, incoming.address);
  const end = waitForMigration(source.qmp, ['completed', 'failed', 'cancelled'], PATIENCE);
  end.catch(() => {});
  try {
    const result = await incoming.result;
    return { result, info: await end, blocks: announced };
  } catch (error) {
    const info = await end.catch((late: unknown) => late);
    const hint = MultifdError.is(error) ? error.message : String(error);
    throw new Error(`${hint}; QEMU: ${JSON.stringify(info)} ${source.log()}`, { cause: error });
  }
}
