/**
 * Why pages are not compared in runs. Two pages: another thread sets and clears bytes of the first; the second
 * holds 0xAA throughout. Counts how often one compare of both says "all zero", and how often a compare of the
 * second page alone does. The first number depends on the C library and the CPU; the second must be 0.
 *
 *   node bench/race.mjs
 */
import { Worker } from 'node:worker_threads';

const PAGE = 4096;
const ROUNDS = 10_000_000;

const buffer = new SharedArrayBuffer(2 * PAGE);
const memory = new Uint8Array(buffer).fill(0xaa, PAGE);
const zeros = Buffer.alloc(2 * PAGE);

const writer = new Worker(
  `const { parentPort, workerData } = require('node:worker_threads');
   const words = new Int32Array(workerData);
   parentPort.postMessage('writing');
   for (;;) for (const at of [100, 200, 300]) { words[at] = 1; words[at] = 0; }`,
  { eval: true, workerData: buffer },
);
await new Promise((resolve) => writer.once('message', resolve));

let wrongAsRun = 0;
let wrongAlone = 0;
for (let round = 0; round < ROUNDS; round++) {
  if (zeros.compare(memory) === 0) wrongAsRun++;
  if (zeros.compare(memory, PAGE, 2 * PAGE, 0, PAGE) === 0) wrongAlone++;
}
await writer.terminate();
console.log(`wrong "zero" of ${ROUNDS}: ${wrongAsRun} compared as a run, ${wrongAlone} compared alone`);
