/** Entry of a relay's outgoing channel thread. */
import { workerData } from 'node:worker_threads';
import type { FromRelayChannel, RelayChannelData, ToRelayChannel } from '../engine/relay/messages.js';
import { RelayChannel } from '../engine/relay/relay-channel.js';
import { runThread, ThreadPort } from '../engine/thread-port.js';

const data: RelayChannelData = workerData;
const port = new ThreadPort<ToRelayChannel, FromRelayChannel>();
await runThread(port, new RelayChannel(data, port));
