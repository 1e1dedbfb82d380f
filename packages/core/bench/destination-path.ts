import { methodsForChannel } from '../src/methods/automatic.js';
import { Receivers } from '../src/methods/receivers.js';
import { DirtyBitmap } from '../src/ram/dirty-bitmap.js';
import { RecvChannel } from '../src/recv/channel.js';
import { DestinationControl } from '../src/recv/control.js';
import { PagePlacer } from '../src/recv/placer.js';
import { Counters } from '../src/thread/counters.js';
import { type BenchGuest, PAGE, PAGES } from './guests.js';
import { RecordedConnection } from './without-sockets.js';

/**
 * A destination channel, from the first header to the end of the recording.
 * @param allZero whether first-time zero pages are left untouched.
 */
export async function destinationPath(
  guest: BenchGuest,
  vectors: readonly Uint8Array[],
  allZero: boolean,
): Promise<() => Promise<void>> {
  const counters = Counters.allocate(2).row(1);
  const options = { channel: 0, pageSize: PAGE, maxPages: 128, settings: {} };
  const receivers = await Receivers.open(await methodsForChannel('none', []), options);
  const receivedPages = [DirtyBitmap.allocate(PAGES).buffer];
  const placer = await PagePlacer.open({ ram: guest.ram, allZero, receivedPages }, counters);
  return async () => {
    const connection = new RecordedConnection(vectors);
    const control = DestinationControl.allocate(1);
    const before = counters.normal + counters.zero;
    await new RecvChannel(connection, 0, control, placer, receivers, counters, PAGE).run();
    const pages = counters.normal + counters.zero - before;
    if (pages !== PAGES) throw new Error(`placed ${pages} pages, not ${PAGES}`);
  };
}
