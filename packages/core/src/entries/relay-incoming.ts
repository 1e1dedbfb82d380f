/** Entry of a relay's incoming thread, for main or a channel. */
import { IncomingThread } from '../engine/destination/incoming-thread.js';
import type { FromIncomingThread, ToIncomingThread } from '../engine/destination/messages.js';
import type { RelayThreadData } from '../engine/relay/messages.js';
import { SendingOn } from '../engine/relay/sending-on.js';
import { runThread } from '../thread/port.js';

await runThread<RelayThreadData, ToIncomingThread, FromIncomingThread>(
  (data, port) => new IncomingThread(data, port, new SendingOn(data, port)),
);
