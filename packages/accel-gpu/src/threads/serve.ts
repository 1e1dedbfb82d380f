/** Entry of the thread that has the device, and serves every line that it is handed. */
import { parentPort, workerData } from 'node:worker_threads';
import { Server } from '../gpu/server.js';
import type { Connect, Lost, ServingData } from '../protocol.js';

const data: ServingData = workerData;
const server = new Server(data, (reason) => {
  const lost: Lost = { type: 'lost', reason };
  parentPort?.postMessage(lost);
});
parentPort?.on('message', ({ port }: Connect) => server.serve(port));
