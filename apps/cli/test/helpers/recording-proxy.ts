import { connect, createServer, type Socket } from 'node:net';

/** What came through one connection, in one direction. */
export type Recorded = readonly Buffer[];

/** Passes connections on to `to` and keeps what each end sent, connection by connection. */
export async function recordingProxy(to: string): Promise<{
  readonly address: string;
  /** What the source sent. */
  readonly recorded: readonly Recorded[];
  /** What the destination sent. */
  readonly answered: readonly Recorded[];
  close(): void;
}> {
  const [, host = '', port = ''] = /^tcp:(.*):(\d+)$/.exec(to) ?? [];
  const recorded: Buffer[][] = [];
  const answered: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const target = connect({ host, port: Number(port), allowHalfOpen: true });
    const bytes: Buffer[] = [];
    const answer: Buffer[] = [];
    recorded.push(bytes);
    answered.push(answer);
    from.on('data', (chunk: Buffer) => bytes.push(chunk));
    target.on('data', (chunk: Buffer) => answer.push(chunk));
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
    answered,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
