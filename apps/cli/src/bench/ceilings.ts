import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { processEntry } from '../threads.js';
import type { CeilingTask } from './ceiling-parts.js';
import { limitOf, type Row, touchedBy } from './rows.js';
import type { Contender, Measured } from './sample.js';
import { contentShare } from './scenarios.js';
import { warm } from './warm.js';

/** Of the smallest part of memory that is copied. */
const PAGE = 4096;

/**
 * Every byte of the guest's memory, read by as many threads as look for zero pages, with the widest loads of this CPU: no
 * search for zero pages can be faster.
 */
export const PLAIN_READ: Contender = {
  name: 'plain read',
  kind: 'ceiling',
  leftOut({ scenario, detection, compression }) {
    if (compression !== 'none') return 'compression takes the time';
    if (detection === 'none') return 'nobody looks for zero pages';
    return scenario === 'untouched' ? 'untouched memory need not be read' : undefined;
  },
  async measure(row, image, signal) {
    const threads = row.detection === 'legacy' ? 1 : Math.min(row.channels, availableParallelism());
    const reader = start(
      { role: 'read', image: image ?? null, bytes: row.size, threads, ports: [] },
      row,
      signal,
    );
    await reader.ready;
    await warm(touchedBy(row), signal);
    reader.child.send('go');
    const { ms, cpu, faults, peakRss } = await reader.report;
    return {
      ...{ ms, setup: null, downtime: null, transferred: null },
      cpu: { source: cpu, destination: 0 },
      peakRss: { source: peakRss, destination: null },
      faults: { source: faults, destination: 0 },
    };
  },
};

/**
 * As many bytes as the guest's pages with content, from one process to another: over as many connections as there are
 * channels, with blocking sockets, from the guest's memory into fresh huge pages. Nothing is looked for or said.
 */
export const PLAIN_COPY: Contender = {
  name: 'plain copy',
  kind: 'ceiling',
  leftOut(row) {
    if (row.compression !== 'none') return 'compression takes the time';
    return copied(row) === 0 ? 'no page has content' : undefined;
  },
  async measure(row, image, signal): Promise<Measured> {
    const bytes = copied(row);
    const threads = row.channels;
    const reader = start({ role: 'receive', image: null, bytes, threads, ports: [] }, row, signal);
    const ports = await reader.ready;
    const sender = start({ role: 'send', image: image ?? null, bytes, threads, ports }, row, signal);
    await sender.ready;
    await warm(touchedBy(row), signal);
    sender.child.send('go');
    const [sent, read] = await Promise.all([sender.report, reader.report]);
    return {
      ...{ ms: read.ms, setup: null, downtime: null, transferred: bytes },
      cpu: { source: sent.cpu, destination: read.cpu },
      peakRss: { source: sent.peakRss, destination: read.peakRss },
      faults: { source: sent.faults, destination: read.faults },
    };
  },
};

/** Bytes. */
function copied({ scenario, size, detection }: Row): number {
  if (scenario === 'untouched') return 0;
  const share = detection === 'none' ? 1 : contentShare(scenario);
  return Math.round((size * share) / PAGE) * PAGE;
}

interface Report {
  readonly ms: number;
  readonly cpu: number;
  readonly faults: number;
  readonly peakRss: number;
}

interface Ceiling {
  readonly child: ChildProcess;
  /** The ports that it listens on, if it does. */
  readonly ready: Promise<number[]>;
  readonly report: Promise<Report>;
}

/** A process of `processes/ceiling.ts`. */
function start(task: CeilingTask, row: Row, signal: AbortSignal): Ceiling {
  const child = spawn(process.execPath, [fileURLToPath(processEntry('ceiling')), JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: limitOf(row),
    killSignal: 'SIGKILL',
    signal,
  });
  const ready = Promise.withResolvers<number[]>();
  const report = Promise.withResolvers<Report>();
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.on('message', (message: unknown) => {
    if (!isRecord(message)) return;
    const { type, ports, ms, cpu, faults, peakRss } = message;
    if (type === 'ready' && Array.isArray(ports)) ready.resolve(ports.map(Number));
    if (type === 'report') {
      report.resolve({ ms: Number(ms), cpu: Number(cpu), faults: Number(faults), peakRss: Number(peakRss) });
    }
  });
  const fail = (why: unknown) => {
    ready.reject(why);
    report.reject(why);
  };
  child.once('error', fail);
  child.once('close', (code, killer) => {
    const said = stderr.trim().split('\n').at(-1) ?? '';
    fail(new MultifdError('io', `it ended with ${code ?? killer}${said === '' ? '' : `: ${said}`}`));
  });
  ready.promise.catch(() => {});
  report.promise.catch(() => {});
  return { child, ready: ready.promise, report: report.promise };
}
