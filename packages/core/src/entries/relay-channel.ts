/** Entry of a relay's outgoing channel thread: its pages are packets in transit. */
import { TransitPages, type TransitPagesData } from '../engine/relay/transit-pages.js';
import { SendChannel } from '../send/channel.js';
import type { FromSendChannel, ToSendChannel } from '../send/messages.js';
import { runThread } from '../thread/port.js';

await runThread<TransitPagesData, ToSendChannel, FromSendChannel>(
  (data, port) => new SendChannel(`outgoing channel ${data.channel}`, data, port, new TransitPages(data)),
);
