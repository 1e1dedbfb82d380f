/** Entry of the thread that has the device, and serves every line that it is handed. */
import { parentPort, workerData } from 'node:worker_threads';
import { Server } from '../gpu/server.js';
import type { Lost, ServingData, ToServingThread } from '../protocol.js';

const data: ServingData = workerData;
const server = new Server(data, (reason) => {
  const lost: Lost = { type: 'lost', reason };
  parentPort?.postMessage(lost);
});
parentPort?.on('message', (message: ToServingThread) => {
  if (message.type === 'connect') server.serve(message.port);
  else void server.rest().then(() => stopHere(new Int32Array(data.rest)));
});

/** Stops this thread where it calls no driver, until it is terminated. */
function stopHere(word: Int32Array): void {
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
  Atomics.wait(word, 0, 1);
}
