/** Entry of a destination's thread, for main or for channels. */
import { IncomingThread } from '../engine/destination/incoming-thread.js';
import { Keeping } from '../engine/destination/keeping.js';
import type {
  FromIncomingThread,
  IncomingThreadData,
  ToIncomingThread,
} from '../engine/destination/messages.js';
import { runThread } from '../thread/port.js';

await runThread<IncomingThreadData, ToIncomingThread, FromIncomingThread>(
  (data, port) => new IncomingThread(data, port, new Keeping(data, port)),
);
