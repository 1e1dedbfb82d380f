import { setTimeout as delay, setImmediate as yieldToMessages } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openRamBlock } from '@multifd/core/ram';
import { GuestPages } from '../guest/guest-pages.js';
import type { VcpuAnswer, VcpuCommand, VcpuSetup } from '../guest/vcpu-messages.js';
import { ThrottleClock, WritePace, writeOnce } from '../guest/vcpu-work.js';

/** ms between two looks at the clock, and the longest that a stop has to wait. */
const TICK = 5;
/** Writes between two looks at the clock while there is much to do. */
const BURST = 64;

const port = parentPort;
if (port === null) throw new Error('vcpu.js is the entry of a worker thread');
const { ram, state, throttle }: VcpuSetup = workerData;
const throttled = new Int32Array(throttle);
const pages = new GuestPages(ram, await Promise.all(ram.blocks.map(openRamBlock)));
let counter = state.counter;
let running = false;
let loop = Promise.resolve();

port.on('message', (command: VcpuCommand) => {
  if (command === 'run' && !running) {
    running = true;
    loop = run();
  }
  if (command === 'stop') {
    running = false;
    loop.then(() => answer('stopped'));
  }
});
answer('ready');

async function run(): Promise<void> {
  const pace = new WritePace(state.rate, ram.pageSize, performance.now());
  const clock = new ThrottleClock();
  while (running) {
    const start = performance.now();
    work(pace, start);
    if (performance.now() - start >= TICK) await yieldToMessages();
    else await delay(TICK);
    pace.stoodStill(await standStill(clock.pause(performance.now() - start, Atomics.load(throttled, 0))));
  }
}

/** In pieces, so that a stop need not wait for the end. @returns ms that it took. */
async function standStill(ms: number): Promise<number> {
  if (ms === 0) return 0;
  const start = performance.now();
  for (let left = ms; running && left > 0; left = start + ms - performance.now())
    await delay(Math.min(TICK, left));
  return performance.now() - start;
}

/** Makes the writes that are due, for a tick at most. */
function work(pace: WritePace, start: number): void {
  for (let now = start; now - start < TICK; now = performance.now()) {
    const writes = Math.min(BURST, pace.due(now));
    if (writes === 0) return;
    for (let index = 0; index < writes; index++) writeOnce(pages, state.seed, counter++);
    pace.done(writes);
  }
}

function answer(type: VcpuAnswer['type']): void {
  port?.postMessage({ type, counter } satisfies VcpuAnswer);
}
