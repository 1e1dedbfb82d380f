/** Entry of a relay's outgoing channel thread: its pages are packets in transit. */
import { workerData } from 'node:worker_threads';
import { TransitPages, type TransitPagesData } from '../engine/relay/transit-pages.js';
import { SendChannel } from '../send/channel.js';
import type { FromSendChannel, ToSendChannel } from '../send/messages.js';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';

const { data, claim }: ThreadData<TransitPagesData> = workerData;
const port = new ThreadPort<ToSendChannel, FromSendChannel>(claim);
await runThread(
  port,
  new SendChannel(`outgoing channel ${data.channel}`, data, port, new TransitPages(data)),
);
