import { MultifdError } from '@multifd/core';
import { migrate, migrateIncoming, queryMachineType, waitForMigration } from '@multifd/qemu';
import { startCommand } from './command.js';
import {
  commonArguments,
  endOf,
  type OurSettings,
  receivingArguments,
  sendingArguments,
  tlsOf,
  toSample,
} from './ours.js';
import { configure, failureOf, freePort, leftOut } from './peer.js';
import { type Peer, wordsOf } from './peers.js';
import { peakRssOf, usageOf } from './process-usage.js';
import { type QemuProcess, startQemu } from './qemu-process.js';
import { limitOf, type Row, touchedBy } from './rows.js';
import type { Contender, Measured } from './sample.js';
import { qemuTlsArguments } from './tls.js';
import { warm } from './warm.js';
import { warmUntilConnected } from './warm-until-connected.js';

/** A QEMU to our `receive`. */
export function qemuToMultifd(peer: Peer, settings: OurSettings): Contender {
  const { folder } = settings;
  return {
    name: `${wordsOf(peer)} to multifd`,
    kind: 'multifd',
    leftOut,
    async measure(row, image, signal) {
      const limit = limitOf(row);
      const receiving = startCommand(receivingArguments(commonArguments(settings, row)), limit, signal);
      let source: QemuProcess | undefined;
      try {
        const address = await receiving.listening;
        source = await startQemu(
          { binary: peer.binary, size: row.size, image },
          folder,
          qemuTlsArguments(row, 'client', folder),
          signal,
        );
        await configure(source.qmp, row);
        await warm(touchedBy(row), signal);
        const before = usageOf(source.pid);
        await migrate(source.qmp, address);
        const info = await waitForMigration(source.qmp, ['completed', 'failed'], limit);
        const { totalTime } = info;
        if (info.status !== 'completed' || totalTime === undefined) throw failureOf(info, '');
        const after = usageOf(source.pid);
        const received = await receiving.document;
        return {
          ms: totalTime,
          setup: info.setupTime ?? null,
          downtime: info.downtime ?? null,
          transferred: info.ram?.transferred ?? null,
          cpu: { source: after.cpu - before.cpu, destination: endOf(received, 'cpu-time', 'destination') },
          peakRss: { source: peakRssOf(source.pid), destination: endOf(received, 'peak-rss', 'destination') },
          faults: {
            source: after.faults - before.faults,
            destination: endOf(received, 'page-faults', 'destination'),
          },
          ...tlsOf(received),
        };
      } finally {
        receiving.child.kill('SIGKILL');
        await source?.end();
      }
    },
  };
}

/** Our `migrate` into a QEMU. */
export function multifdToQemu(peer: Peer, settings: OurSettings): Contender {
  const { folder } = settings;
  return {
    name: `multifd to ${wordsOf(peer)}`,
    kind: 'multifd',
    leftOut,
    async measure(row, image, signal) {
      const target = await startQemu(
        { binary: peer.binary, size: row.size },
        folder,
        ['-incoming', 'defer', ...qemuTlsArguments(row, 'server', folder)],
        signal,
      );
      try {
        return await intoQemu(target, settings, row, image, signal);
      } finally {
        await target.end();
      }
    },
  };
}

async function intoQemu(
  target: QemuProcess,
  settings: OurSettings,
  row: Row,
  image: string | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  await configure(target.qmp, row);
  const address = `tcp:127.0.0.1:${await freePort()}`;
  await migrateIncoming(target.qmp, address);
  const machineType = await queryMachineType(target.qmp);
  const guest = image === undefined ? `demo:${row.size},zero=1` : `raw:${image}`;
  const args = [...commonArguments(settings, row), ...sendingArguments(settings, row)];
  const words = ['migrate', guest, address, ...args, '--machine-type', machineType];
  const start = () => startCommand(words, limitOf(row), signal);
  const before = usageOf(target.pid);
  const sending = await warmUntilConnected(touchedBy(row), target.pid, start, signal);
  const sent = await sending.document.catch((cause) => {
    throw target.said() === '' ? cause : new MultifdError('io', target.said(), { cause });
  });
  const after = usageOf(target.pid);
  const sample = toSample(sent, {});
  return {
    ...sample,
    cpu: { ...sample.cpu, destination: after.cpu - before.cpu },
    peakRss: { ...sample.peakRss, destination: peakRssOf(target.pid) },
    faults: { ...sample.faults, destination: after.faults - before.faults },
  };
}
