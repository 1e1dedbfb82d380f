import { connect, createServer, type Socket } from 'node:net';

/** What came through one connection towards the destination. */
export type Recorded = readonly Buffer[];

/** Passes connections on to `to` and keeps what the source sent, connection by connection. */
export async function recordingProxy(to: string): Promise<{
  readonly address: string;
  readonly recorded: readonly Recorded[];
  close(): void;
}> {
  const [, host = '', port = ''] = /^tcp:(.*):(\d+)$/.exec(to) ?? [];
  const recorded: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const target = connect({ host, port: Number(port), allowHalfOpen: true });
    const bytes: Buffer[] = [];
    recorded.push(bytes);
    from.on('data', (chunk: Buffer) => bytes.push(chunk));
    from.pipe(target).pipe(from);
    for (const socket of [from, target]) {
      sockets.add(socket);
      // Either end may be gone first; what it means is the migration's business.
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: `tcp:127.0.0.1:${own}`,
    recorded,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
