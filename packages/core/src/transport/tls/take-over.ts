import { fstatSync } from 'node:fs';
import { MultifdError } from '../../errors.js';
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
 * @throws MultifdError `peer-closed` if it is closed meanwhile; as `SocketIo.openTls`.
 */
export async function takeOverTls(
  stream: ByteStream,
  io: SocketIo,
  interrupt: number,
  users: QueueUsers,
): Promise<TakenOver> {
  const isKnown = stream.suite !== undefined && io.tlsSuites?.includes(stream.suite) === true;
  if (!isKnown || io.openTls === undefined) {
    stream.stays?.();
    return { by: 'node' };
  }
  stream.pause();
  const session = (await stream.detach?.()) ?? 'stays';
  // What has come the old way: reading it delivers it.
  while (stream.read() !== null);
  if (session === 'over' || session === 'stays') return { by: 'node' };
  const { fd, inode, suite, ...receiving } = session;
  let secured: BlockingTlsSocket;
  try {
    secured = io.openTls(fd, interrupt, { suite, receiving });
  } finally {
    receiving.secret.fill(0);
  }
  // The number is another thread's, which may have closed the socket meanwhile: it must be that socket still, now that `secured` has
  // a descriptor of its own.
  if (inodeOf(fd) !== inode) {
    secured.close();
    throw new MultifdError('peer-closed', 'the connection was closed while its TLS was taken over');
  }
  limitQueues(secured, stream, users);
  return { by: 'host', secured };
}

function inodeOf(fd: number): bigint | undefined {
  try {
    return fstatSync(fd, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}
