import { createServer } from 'node:net';
import { MultifdError } from '@multifd/core';
import {
  type MigrationInfo,
  migrate,
  migrateIncoming,
  type QemuMigrationParameters,
  type QmpClient,
  queryMigrateParameters,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '@multifd/qemu';
import { type Peer, wordsOf } from './peers.js';
import { peakRssOf, type Usage, usageOf } from './process-usage.js';
import { type QemuProcess, startQemu } from './qemu-process.js';
import { limitOf, type Row, touchedBy } from './rows.js';
import type { Contender, Ends, Measured } from './sample.js';
import { ONLY_SUITE, qemuTlsArguments, TLS_ID } from './tls.js';
import { warm } from './warm.js';

/** A QEMU to itself, driven over QMP. @param folder of this run. */
export function qemuToQemu(peer: Peer, folder: string): Contender {
  return {
    name: wordsOf(peer),
    kind: 'peer',
    leftOut,
    measure: (row, image, signal) => measure(peer, folder, row, image, signal),
  };
}

/** Why no QEMU has a part in a row. */
export function leftOut({ compression }: Row): string | undefined {
  return isMethod(compression) ? undefined : `a QEMU has no compression ${compression}`;
}

async function measure(
  { binary }: Peer,
  folder: string,
  row: Row,
  image: string | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  const { size } = row;
  const qemus: QemuProcess[] = [];
  try {
    const source = await startQemu(
      { binary, size, image },
      folder,
      qemuTlsArguments(row, 'client', folder),
      signal,
    );
    qemus.push(source);
    const incoming = ['-incoming', 'defer', ...qemuTlsArguments(row, 'server', folder)];
    const target = await startQemu({ binary, size }, folder, incoming, signal);
    qemus.push(target);
    for (const { qmp } of qemus) await configure(qmp, row);
    const address = `tcp:127.0.0.1:${await freePort()}`;
    await migrateIncoming(target.qmp, address);
    await warm(touchedBy(row), signal);
    const before = [usageOf(source.pid), usageOf(target.pid)] as const;
    await migrate(source.qmp, address);
    const info = await waitForMigration(source.qmp, ['completed', 'failed'], limitOf(row));
    const { totalTime } = info;
    if (info.status !== 'completed' || totalTime === undefined) throw failureOf(info, target.said());
    const after = [usageOf(source.pid), usageOf(target.pid)] as const;
    const used = (of: keyof Usage): Ends => ({
      source: after[0][of] - before[0][of],
      destination: after[1][of] - before[1][of],
    });
    return {
      ms: totalTime,
      setup: info.setupTime ?? null,
      downtime: info.downtime ?? null,
      transferred: info.ram?.transferred ?? null,
      cpu: used('cpu'),
      peakRss: { source: peakRssOf(source.pid), destination: peakRssOf(target.pid) },
      faults: used('faults'),
      ...(row.tls === true ? { tls: ONLY_SUITE } : {}),
    };
  } finally {
    for (const qemu of qemus) await qemu.end();
  }
}

/** @param said by the other end. */
export function failureOf({ errorDesc, status }: MigrationInfo, said: string): MultifdError {
  return new MultifdError('io', [errorDesc ?? status, said].filter((words) => words !== '').join('; '));
}

/** The row's settings. @throws MultifdError `incompatible` for what this QEMU does not have; QmpError. */
export async function configure(qmp: QmpClient, row: Row): Promise<void> {
  const { channels, compression, level, detection, tls } = row;
  if (!isMethod(compression)) throw new MultifdError('internal', `a QEMU has no compression ${compression}`);
  await setCapabilities(qmp, { multifd: true, 'return-path': true });
  const known = await queryMigrateParameters(qmp);
  // Before 9.0 the migration thread looks for zero pages, always.
  const hasDetection = known['zero-page-detection'] !== undefined;
  if (!hasDetection && detection !== 'legacy') {
    throw new MultifdError('incompatible', `it is too old for zero-page-detection ${detection}`);
  }
  const parameters: QemuMigrationParameters = {
    'multifd-channels': channels,
    'multifd-compression': compression,
    ...(compression === 'zlib' && level !== null ? { 'multifd-zlib-level': level } : {}),
    ...(compression === 'zstd' && level !== null ? { 'multifd-zstd-level': level } : {}),
    ...(hasDetection ? { 'zero-page-detection': detection } : {}),
    'max-bandwidth': 0,
    ...(tls === true ? { 'tls-creds': TLS_ID } : {}),
  };
  await setParameters(qmp, parameters);
}

function isMethod(compression: string): compression is 'none' | 'zlib' | 'zstd' {
  return compression === 'none' || compression === 'zlib' || compression === 'zstd';
}

/** QEMU is told where to listen before anybody can ask it where it does. */
export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new MultifdError('internal', 'a listening socket has no port'));
      });
    });
  });
}
