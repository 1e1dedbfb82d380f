import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { SourceScenario } from './scenario.ts';

/** ms that a hostile source stays when all of it was sent and nothing has come of it: it may be read only then. */
const PATIENCE = 1000;
/** ms until bytes that nobody takes are given up. */
const STUCK = 5000;
/** Times that a right source tries again: one that comes beside a hostile one may be turned away with it. */
const TRIES = 40;

function placeOf(address: string): NetConnectOpts {
  const [, host = '', port = ''] = /^tcp:(.*):(\d+)$/.exec(address) ?? [];
  return { host, port: Number(port), noDelay: true };
}

/** Whoever listens may be gone, or hang up: that is the end of a connection, and no more. */
async function open(address: string): Promise<Socket | undefined> {
  const socket = connect(placeOf(address));
  socket.on('error', () => {});
  socket.resume();
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}

async function send(socket: Socket, bytes: Uint8Array, chunk: number): Promise<void> {
  // So many small writes show all that there is to show.
  const small = Math.min(bytes.length, chunk * 3000);
  for (let at = 0; at < bytes.length && socket.writable; ) {
    const size = at < small ? Math.min(chunk, small - at) : bytes.length - at;
    const taken = socket.write(bytes.subarray(at, at + size));
    at += size;
    if (!taken) await Promise.race([once(socket, 'drain').catch(() => {}), closed(socket), delay(STUCK)]);
    // One write, one segment.
    else if (chunk < 100 && at % 70 === 0) await delay(0);
  }
}

function closed(socket: Socket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : once(socket, 'close').catch(() => {});
}

/** Connects, sends everything, waits a while or until `reacted`, and is gone. */
export async function attack(
  address: string,
  scenario: SourceScenario,
  reacted: Promise<unknown>,
): Promise<void> {
  const { rows, ends, chunk, channelsFirst } = scenario;
  const order = channelsFirst ? [...rows.slice(1), ...rows.slice(0, 1)] : rows;
  const sockets: Socket[] = [];
  const sending: Promise<void>[] = [];
  for (const bytes of order) {
    const socket = await open(address);
    if (socket === undefined) break;
    sockets.push(socket);
    sending.push(send(socket, bytes, chunk));
  }
  await Promise.all(sending);
  for (const socket of sockets) {
    if (ends === 'closes') socket.end();
    if (ends === 'resets') socket.resetAndDestroy();
  }
  await Promise.race([reacted, Promise.all(sockets.map(closed)), delay(PATIENCE)]);
  for (const socket of sockets) socket.destroy();
}

/** Sends a right guest again and again until `isOver`. */
export async function bringGuest(
  address: string,
  rows: readonly Uint8Array[],
  isOver: () => boolean,
): Promise<void> {
  for (let tried = 0; tried < TRIES && !isOver(); tried++) {
    const sockets: Socket[] = [];
    for (const bytes of rows) {
      const socket = await open(address);
      if (socket === undefined) break;
      sockets.push(socket);
      socket.write(bytes);
    }
    // Main and channels end when all of them have connected.
    for (const socket of sockets) socket.end();
    await Promise.race([Promise.all(sockets.map(closed)), delay(STUCK)]);
    for (const socket of sockets) socket.destroy();
    // A destination that has everything is about to say so.
    for (let waited = 0; waited < 10 && !isOver(); waited++) await delay(20);
  }
}
