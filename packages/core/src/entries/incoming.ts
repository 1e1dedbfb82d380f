/** Entry of a destination's worker thread, which handles main or a channel, as its connection shows. */
import { workerData } from 'node:worker_threads';
import { IncomingThread } from '../engine/destination/incoming-thread.js';
import { Keeping } from '../engine/destination/keeping.js';
import type {
  FromIncomingThread,
  IncomingThreadData,
  ToIncomingThread,
} from '../engine/destination/messages.js';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';

const { data, claim }: ThreadData<IncomingThreadData> = workerData;
const port = new ThreadPort<ToIncomingThread, FromIncomingThread>(claim);
await runThread(port, new IncomingThread(data, port, new Keeping(data, port)));
