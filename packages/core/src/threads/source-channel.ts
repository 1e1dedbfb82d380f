/** Entry of a source channel's worker thread: claim, detect, partition, encode, send. */
import { workerData } from 'node:worker_threads';
import { SourceChannel } from '../engine/source/channel.js';
import type { FromSourceThread, SourceChannelData, ToSourceThread } from '../engine/source/messages.js';
import { runThread, ThreadPort } from '../engine/thread-port.js';

const data: SourceChannelData = workerData;
const port = new ThreadPort<ToSourceThread, FromSourceThread>();
await runThread(port, new SourceChannel(data, port));
