/** Entry of a relay's incoming thread, which handles main or a channel, as its connection shows. */
import { workerData } from 'node:worker_threads';
import { IncomingThread } from '../engine/destination/incoming-thread.js';
import type { FromIncomingThread, ToIncomingThread } from '../engine/destination/messages.js';
import type { RelayThreadData } from '../engine/relay/messages.js';
import { SendingOn } from '../engine/relay/sending-on.js';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';

const { data, claim }: ThreadData<RelayThreadData> = workerData;
const port = new ThreadPort<ToIncomingThread, FromIncomingThread>(claim);
await runThread(port, new IncomingThread(data, port, new SendingOn(data, port)));
