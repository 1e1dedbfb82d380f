/**
 * What a migration is measured beside, each in a process of its own, driven over IPC:
 *   source BYTES              listens on a free loopback port and sends BYTES to whoever connects
 *   sink PORT BYTES INTO      reads them: `fresh` into fresh memory, as a destination does; `one` always into the
 *                             same MiB; `data` that too, but copied there from what `data` events bring
 *   touch BYTES               writes one byte to each page of fresh memory
 *   idle                      does nothing
 * Each ends by saying ms of wall time, ms of CPU and its peak RSS in bytes.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/** Bytes of one write or read; of one allocation, as the engine's segments; of what the source sends from. */
const PIECE = 2 ** 20;
const SEGMENT = 2 ** 30;
/** More than a cache holds: a guest's pages are not in the cache either. */
const SENT_FROM = 2 ** 26;
const PAGE = 4096;

const [role, ...args] = process.argv.slice(2);
const roles = { source, sink, touch, idle: () => report(performance.now()) };
const clock = process.cpuUsage();
roles[role]?.(...args);

function report(began) {
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(clock);
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  const peakRss = Number(kibibytes) * 1024;
  process.send({ type: 'report', ms, cpu: (user + system) / 1000, peakRss }, () => process.disconnect());
}

function source(bytes) {
  const memory = Buffer.alloc(SENT_FROM, 1);
  const server = createServer((socket) => {
    const began = performance.now();
    let left = Number(bytes);
    const send = () => {
      let room = true;
      while (room && left > 0) {
        const at = left % SENT_FROM;
        const size = Math.min(PIECE, left, SENT_FROM - at);
        left -= size;
        room = socket.write(memory.subarray(at, at + size));
      }
      if (left === 0) socket.end(() => report(began));
    };
    socket.on('drain', send);
    server.close();
    send();
  });
  server.listen(0, '127.0.0.1', () => process.send({ type: 'listening', port: server.address().port }));
}

function sink(port, bytes, where) {
  const total = Number(bytes);
  const segments = [];
  for (let at = 0; at < (where === 'fresh' ? total : PIECE); at += SEGMENT) {
    segments.push(new Uint8Array(new SharedArrayBuffer(Math.min(SEGMENT, total - at))));
  }
  let got = 0;
  const target = () => {
    if (where !== 'fresh') return segments[0].subarray(0, PIECE);
    const at = Math.min(got, total - 1);
    return segments[Math.floor(at / SEGMENT)].subarray(at % SEGMENT, (at % SEGMENT) + PIECE);
  };
  const began = performance.now();
  const onread = {
    buffer: target,
    callback(count) {
      got += count;
      return true;
    },
  };
  const to = { port: Number(port), host: '127.0.0.1' };
  const socket = connect(where === 'data' ? to : { ...to, onread });
  if (where === 'data') {
    socket.on('data', (chunk) => {
      segments[0].set(chunk);
      got += chunk.length;
    });
  }
  socket.on('end', () => {
    if (got !== total) throw new Error(`${got} of ${total} bytes came`);
    report(began);
  });
}

function touch(bytes) {
  const total = Number(bytes);
  const began = performance.now();
  for (let at = 0; at < total; at += SEGMENT) {
    const memory = new Uint8Array(new SharedArrayBuffer(Math.min(SEGMENT, total - at)));
    for (let page = 0; page < memory.length; page += PAGE) memory[page] = 1;
  }
  report(began);
}
