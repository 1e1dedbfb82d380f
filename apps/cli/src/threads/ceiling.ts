/** One thread of a ceiling: reads memory, or moves it through one connection with as little as that takes. */
import { connect, createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { MultifdError } from '@multifd/core/ram';
import { hostBlocks, socketIo } from '@multifd/host-linux';
import { plainReadWork } from '../accelerators/plain-read.js';
import type { CeilingPart, CeilingWord } from '../bench/ceiling-parts.js';

/** Bytes of one call, as a packet of ours has pages. */
const PIECE = 512 * 1024;
/** Bytes that are read at a time. */
const BATCH = 4 * 2 ** 20;
/** ms without a byte. */
const STALL = 30_000;

const part: CeilingPart = workerData;
const block = hostBlocks.open(part.block);
const roles = { read, send, receive };
await roles[part.role]();

async function read(): Promise<void> {
  const { work } = plainReadWork();
  await told('ready');
  for (const memory of pieces(BATCH)) await work({ memory, wasmMemory: undefined });
  say({ type: 'done', at: now() });
}

async function send(): Promise<void> {
  await told('ready');
  const socket = connect({ port: part.port, host: '127.0.0.1' });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const io = socketIo.open(fdOf(socket), part.interrupt);
  for (const piece of pieces(PIECE)) io.send([piece], STALL);
  io.close();
  say({ type: 'done', at: now() });
  socket.end();
}

async function receive(): Promise<void> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  say({ type: 'ready', port: typeof address === 'object' && address !== null ? address.port : 0 });
  const socket = await accepted;
  say({ type: 'began', at: now() });
  const io = socketIo.open(fdOf(socket), part.interrupt);
  for (const piece of pieces(PIECE)) {
    for (let got = 0; got < piece.length; ) {
      const count = io.receive([piece.subarray(got)], STALL);
      if (count === 0) throw new MultifdError('peer-closed', 'the sender has closed too early');
      got += count;
    }
  }
  io.close();
  say({ type: 'done', at: now() });
  socket.destroy();
  server.close();
}

/** This thread's memory. */
function* pieces(size: number): Generator<Uint8Array> {
  const end = part.offset + part.length;
  for (let at = part.offset; at < end; ) {
    const inWindow = block.windowSize - (at % block.windowSize);
    const length = Math.min(size, end - at, inWindow);
    const window = block.window(at, length);
    if (window === undefined) throw new MultifdError('internal', 'mapped memory has no window');
    yield window;
    at += length;
  }
}

/** Says that it is ready, and waits for the word to begin. */
function told(type: 'ready'): Promise<void> {
  return new Promise((resolve) => {
    parentPort?.once('message', () => resolve());
    say({ type, port: 0 });
  });
}

function say(word: CeilingWord): void {
  parentPort?.postMessage(word);
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Node does not say it. */
function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd === 'number' && fd >= 0) return fd;
  throw new MultifdError('host-unavailable', 'this Node does not tell the descriptor of a socket');
}
