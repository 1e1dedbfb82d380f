/** Entry of a thread of a source's channels: their pages are ranges of guest RAM. */
import { SendChannel } from '../send/channel.js';
import { ClaimedPages, type ClaimedPagesData } from '../send/claimed-pages.js';
import type { FromSendChannel, ToSendChannel } from '../send/messages.js';
import { runThread } from '../thread/port.js';

await runThread<ClaimedPagesData, ToSendChannel, FromSendChannel>(
  (data, port) => new SendChannel(`channel ${data.channel}`, data, port, new ClaimedPages(data)),
);
