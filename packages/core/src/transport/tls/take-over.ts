import type { ByteStream } from '../byte-stream.js';
import { limitQueues, type QueueUsers } from '../queue-limits.js';
import type { BlockingTlsSocket, SocketIo } from '../socket-io.js';

/** Who decrypts an incoming connection from now on. */
export interface TakenOver {
  readonly by: 'host' | 'node';
  /** Reads in place of the stream. Absent: the stream goes on, or has come to its end before. */
  readonly secured?: BlockingTlsSocket;
}

/**
 * Lets `io` decrypt the rest of a TLS connection, if it knows the suite and the connection lets it. The stream is paused, and
 * delivers what it has. A connection that has ended is Node's: it has decrypted all of it.
 */
export async function takeOverTls(
  stream: ByteStream,
  io: SocketIo,
  interrupt: number,
  users: QueueUsers,
): Promise<TakenOver> {
  const isKnown = stream.suite !== undefined && io.tlsSuites?.includes(stream.suite) === true;
  if (!isKnown || io.openTls === undefined) return { by: 'node' };
  stream.pause();
  const session = (await stream.detach?.()) ?? 'stays';
  // What has come the old way: reading it delivers it.
  while (stream.read() !== null);
  if (session === 'over' || session === 'stays') return { by: 'node' };
  const { fd, suite, ...receiving } = session;
  const secured = io.openTls(fd, interrupt, { suite, receiving });
  limitQueues(secured, stream, users);
  return { by: 'host', secured };
}
