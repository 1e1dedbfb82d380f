/** One migration from a real QEMU to another, measured. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  migrate,
  migrateIncoming,
  QmpClient,
  setCapabilities,
  setParameters,
  waitForMigration,
} from '@multifd/qemu';
import { warm } from './warm.mjs';

const PATIENCE = 180_000;
/** Clock ticks a second in /proc, everywhere that Node runs. */
const TICKS = 100;
let started = 0;

/** @returns what `multifd migrate --json` tells of itself, under the same names. */
export async function qemuToQemu(
  { binary, size, image, channels, compression, level, detection, touches },
  folder,
) {
  const qemus = [];
  try {
    const backend =
      image === undefined
        ? `memory-backend-ram,id=ram,size=${size},reserve=off`
        : `memory-backend-file,id=ram,size=${size},mem-path=${image},share=on`;
    const source = await start(binary, folder, size, backend, []);
    qemus.push(source);
    const fresh = `memory-backend-ram,id=ram,size=${size},reserve=off`;
    const target = await start(binary, folder, size, fresh, ['-incoming', 'defer']);
    qemus.push(target);
    const parameters = {
      'multifd-channels': channels,
      'multifd-compression': compression,
      ...(compression === 'none' ? {} : { [`multifd-${compression}-level`]: level }),
      'zero-page-detection': detection,
      'max-bandwidth': 0,
    };
    for (const { qmp } of qemus) {
      await setCapabilities(qmp, { multifd: true, 'return-path': true });
      await setParameters(qmp, parameters);
    }
    const address = `tcp:127.0.0.1:${await freePort()}`;
    await migrateIncoming(target.qmp, address);
    await warm(touches);
    const before = [source, target].map(({ child }) => cpuMs(child.pid));
    await migrate(source.qmp, address);
    const info = await waitForMigration(source.qmp, ['completed', 'failed'], PATIENCE);
    if (info.status !== 'completed') throw new Error(`QEMU: ${info.errorDesc ?? info.status}`);
    const after = [source, target].map(({ child }) => cpuMs(child.pid));
    return {
      ms: info.totalTime,
      downtime: info.downtime,
      transferred: info.ram?.transferred,
      cpu: { source: after[0] - before[0], destination: after[1] - before[1] },
      peakRss: { source: peakRss(source.child.pid), destination: peakRss(target.child.pid) },
    };
  } finally {
    for (const { qmp, child, ended } of qemus) {
      qmp.close();
      child.kill('SIGKILL');
      await ended;
    }
  }
}

/** @returns undefined: it is not there. */
export function qemuVersion(binary) {
  const child = spawn(binary, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('error', () => resolve(undefined));
    child.once('close', () => resolve(/version (\d+\.\d+\.\d+)/.exec(text)?.[1]));
  });
}

async function start(binary, folder, size, backend, extra) {
  const rom = join(folder, 'rom');
  // Its processors never run: any ROM will do.
  if (!existsSync(rom)) writeFileSync(rom, Buffer.alloc(65536));
  const monitor = join(folder, `qmp-${++started}`);
  const args = [
    ...['-machine', 'q35,accel=tcg,memory-backend=ram', '-m', `${size / 2 ** 20}M`, '-object', backend],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-bios', rom, '-S'],
    ...['-qmp', `unix:${monitor},server=on,wait=off`, ...extra],
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (const deadline = performance.now() + 30_000; ; await delay(20)) {
    try {
      return { child, ended, qmp: await QmpClient.connect({ path: monitor }, { timeout: 30_000 }) };
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) throw error;
    }
  }
}

function freePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function peakRss(pid) {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

/** User and system time of a process so far. */
function cpuMs(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const columns = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(columns[11]) + Number(columns[12])) * 1000) / TICKS;
}
