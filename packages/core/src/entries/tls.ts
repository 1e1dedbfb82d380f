/** Entry of a thread that ends TLS on a destination's connections. */
import { workerData } from 'node:worker_threads';
import type { ThreadData } from '../thread/group.js';
import { runThread, ThreadPort } from '../thread/port.js';
import { AcceptingThread } from '../transport/tls/accepting-thread.js';
import type { FromTlsThread, TlsThreadData, ToTlsThread } from '../transport/tls/acceptor.js';

const { data, claim }: ThreadData<TlsThreadData> = workerData;
const port = new ThreadPort<ToTlsThread, FromTlsThread>(claim);
await runThread(port, new AcceptingThread(data, port));
