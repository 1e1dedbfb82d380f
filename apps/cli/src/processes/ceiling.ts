/**
 * `ceiling.js TASK`: what no migration can pass, in a process of its own with a thread for each channel. It is driven over
 * IPC: says that it is ready, begins when it is told, and reports (`bench/ceiling-parts.ts`).
 */
import { Worker } from 'node:worker_threads';
import { mapRam, socketIo } from '@multifd/host-linux';
import {
  type CeilingAnswer,
  type CeilingPart,
  type CeilingTask,
  type CeilingWord,
  split,
} from '../bench/ceiling-parts.js';
import { peakRss, ResourceClock } from '../resources.js';

const task: CeilingTask = JSON.parse(process.argv[2] ?? '');
const { role, image, bytes, threads, ports } = task;
const memory = mapRam({
  name: 'ceiling',
  length: bytes,
  ...(image === null ? { kind: 'thp' } : { kind: 'file', file: image, writable: false }),
});
const interrupt = socketIo.createInterrupt();
const workers = split(bytes, threads).map((piece, index) => {
  const part: CeilingPart = {
    role,
    block: memory.descriptor,
    ...piece,
    interrupt: interrupt.id,
    port: ports[index] ?? 0,
  };
  // By its place as seen from here: in `dist` this is one file with all that it imports.
  const worker = new Worker(new URL('../threads/ceiling.js', import.meta.url), { workerData: part });
  worker.once('error', (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
  return worker;
});

const ready = await Promise.all(workers.map((worker) => word(worker, 'ready')));
const done = Promise.all(workers.map((worker) => word(worker, 'done')));
const connected =
  role === 'receive' ? Promise.all(workers.map((worker) => word(worker, 'began'))) : undefined;
const clock = new ResourceClock();
const told = new Promise<void>((resolve) => process.once('message', () => resolve()));
say({ type: 'ready', ports: ready.flatMap((each) => (each.type === 'ready' ? each.port : [])) });
if (connected === undefined) await told;
const begun = performance.timeOrigin + performance.now();
if (connected === undefined) for (const worker of workers) worker.postMessage('go');
const first = connected === undefined ? begun : Math.min(...(await connected).map(at));
const last = Math.max(...(await done).map(at));
const report: CeilingAnswer = {
  type: 'report',
  ms: Math.round(last - first),
  cpu: Math.round(clock.elapsed()),
  faults: clock.faults(),
  peakRss: peakRss(),
};
process.send?.(report, () => process.exit());

function word(worker: Worker, type: CeilingWord['type']): Promise<CeilingWord> {
  return new Promise((resolve) => {
    const listen = (said: CeilingWord) => {
      if (said.type !== type) return;
      worker.off('message', listen);
      resolve(said);
    };
    worker.on('message', listen);
  });
}

function at(said: CeilingWord): number {
  return said.type === 'ready' ? 0 : said.at;
}

function say(answer: CeilingAnswer): void {
  process.send?.(answer);
}
