import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DestinationEvent,
  type Incoming,
  type MigrationParameters,
  type ReceiveOptions,
  type Relaying,
  receive,
  relay,
} from '@multifd/core';
import { onTestFinished } from 'vitest';
import {
  encodePong,
  PING_HAS_ZERO_RUNS,
  PING_WANTS_REASON,
  pingOfChannels,
} from '../../src/wire/return-path.js';
import { host } from './host.js';
import { inTime } from './outcome.js';
import { RawSource } from './raw-source.js';

/** SHUT(0) on the return path: the destination has the guest, and the source lets go of it. */
export const SHUT = Buffer.of(0, 1, 0, 4, 0, 0, 0, 0);

/** What a destination answers to the PINGs of a source or a relay with so many channels: it can take RAM. */
export const pongs = (channels: number): Buffer =>
  Buffer.concat([1, PING_WANTS_REASON, PING_HAS_ZERO_RUNS, pingOfChannels(channels)].map(encodePong));

/** Closes `opened` when the test has ended, passed or failed. What was opened last is closed first. */
export function closeAfterTest<T extends { close(): void }>(opened: T): T {
  onTestFinished(() => opened.close());
  return opened;
}

export interface ServeOptions {
  /** Nothing is read of a connection until the test resumes it. */
  readonly pauseOnConnect?: boolean;
  /** This end stays open when the other has ended. */
  readonly allowHalfOpen?: boolean;
}

/** A server of the test's own on a free port. @returns its address as `to` takes it. */
export async function serve(
  onSocket: (socket: Socket, server: Server) => void,
  options: ServeOptions = {},
): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    onSocket(socket, server);
    sockets.push(socket);
  });
  closeAfterTest({
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  return `tcp:127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
}

/** A source that the test speaks for, byte by byte. */
export function rawSource(address: string): RawSource {
  return closeAfterTest(new RawSource(address));
}

export interface Destination {
  readonly incoming: Incoming;
  /** Has no connection yet. */
  readonly source: RawSource;
  readonly events: readonly DestinationEvent[];
  /** The reasons that were given for all connections that were refused. */
  refusals(): string[];
  /** Until a connection has been refused for such a reason. */
  refused(reason: RegExp): Promise<void>;
  /** Until the source has all its connections. */
  active(): Promise<void>;
}

/** A destination on a free port, and a source for it. */
export async function destination(options: Partial<ReceiveOptions> = {}): Promise<Destination> {
  const events: DestinationEvent[] = [];
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    onEvent: (event) => events.push(event),
    ...host,
    ...options,
  });
  onTestFinished(async () => {
    incoming.close();
    await incoming.result.catch(() => {});
  });
  const refusals = (): string[] =>
    events.flatMap((event) => (event.type === 'refused' ? [event.reason] : []));
  return {
    incoming,
    source: rawSource(incoming.address),
    events,
    refusals,
    refused: (reason) =>
      until(() => refusals().some((each) => reason.test(each)), `a refusal like ${reason}`),
    active: () =>
      until(
        () => events.some((event) => event.type === 'status' && event.status === 'active'),
        'all connections',
      ),
  };
}

/** A relay that connects to `to`. */
export async function relayTo(
  to: string,
  incoming: Partial<MigrationParameters>,
  outgoing: Partial<MigrationParameters> = incoming,
  onEvent: (event: DestinationEvent) => void = () => {},
): Promise<Relaying> {
  return closeAfterTest(
    await relay({
      listen: 'tcp:127.0.0.1:0',
      to,
      incoming,
      outgoing: { ...outgoing, zeroPageDetection: 'none' },
      onEvent,
    }),
  );
}

/** Waits for a state that a test can only look at. */
export async function until(reached: () => boolean, what: string): Promise<void> {
  let given = false;
  const looking = async (): Promise<void> => {
    while (!reached() && !given) await delay(5);
  };
  await inTime(looking(), what, 30_000).finally(() => {
    given = true;
  });
}
