/** Entry of a thread that ends TLS on a destination's connections. */
import { runThread } from '../thread/port.js';
import { AcceptingThread } from '../transport/tls/accepting-thread.js';
import type { FromTlsThread, TlsThreadData, ToTlsThread } from '../transport/tls/acceptor.js';

await runThread<TlsThreadData, ToTlsThread, FromTlsThread>((data, port) => new AcceptingThread(data, port));
