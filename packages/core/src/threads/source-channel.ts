/** Entry of a source's channel thread: its pages are ranges of guest RAM. */
import { workerData } from 'node:worker_threads';
import type { ThreadData } from '../engine/thread-group.js';
import { runThread, ThreadPort } from '../engine/thread-port.js';
import { SendChannel } from '../send/channel.js';
import { ClaimedPages, type ClaimedPagesData } from '../send/claimed-pages.js';
import type { FromSendChannel, ToSendChannel } from '../send/messages.js';

const { data, claim }: ThreadData<ClaimedPagesData> = workerData;
const port = new ThreadPort<ToSendChannel, FromSendChannel>(claim);
await runThread(port, new SendChannel(`channel ${data.channel}`, data, port, new ClaimedPages(data)));
