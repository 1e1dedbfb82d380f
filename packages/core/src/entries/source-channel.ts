/** Entry of a source's channel thread: its pages are ranges of guest RAM. */
import { workerData } from 'node:worker_threads';
import { SendChannel } from '../send/channel.js';
import { ClaimedPages, type ClaimedPagesData } from '../send/claimed-pages.js';
import type { FromSendChannel, ToSendChannel } from '../send/messages.js';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';

const { data, claim }: ThreadData<ClaimedPagesData> = workerData;
const port = new ThreadPort<ToSendChannel, FromSendChannel>(claim);
await runThread(port, new SendChannel(`channel ${data.channel}`, data, port, new ClaimedPages(data)));
