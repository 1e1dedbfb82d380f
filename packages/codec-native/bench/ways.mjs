/**
 * One way to compress a channel's pages and back, in a process of its own: prints one line of JSON. Run by compare.mjs.
 *
 *   node ways.mjs WAY zlib|zstd LEVEL FILE
 *
 * WAY: `native` (this package), `handle` (Node's own stream, driven synchronously through its internals, which are not
 * documented), `packets` (Node's one-shot calls, each packet by itself), `pool` (Node's documented stream, whose work is
 * done in a thread pool that all channels share).
 */
import { readFileSync } from 'node:fs';
import * as node from 'node:zlib';
import { streamMethod } from '../dist/index.js';

const PACKET = 524288;
const [, , way, name, levelText, path] = process.argv;
const level = Number(levelText);
const { constants } = node;
const isZlib = name === 'zlib';
const zstdLevel = { params: { [constants.ZSTD_c_compressionLevel]: level } };
const file = readFileSync(path);
const packets = Math.floor(file.length / PACKET);
// As a guest's memory is, and all of it touched before the clock runs.
const memory = new Uint8Array(new SharedArrayBuffer(packets * PACKET));
memory.set(file.subarray(0, memory.length));
const back = new Uint8Array(new SharedArrayBuffer(memory.length)).fill(1);
const coded = new Uint8Array(Math.ceil(memory.length * 1.05)).fill(1);
const copy = new Uint8Array(PACKET);
const buffer = new Uint8Array(2 * PACKET).fill(1);
let used = 0;

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const packet = (index) => memory.subarray(index * PACKET, (index + 1) * PACKET);

/** A copy of a packet's pages: `native` makes its own. */
function copied(index) {
  copy.set(packet(index));
  return copy;
}

/** A payload in the buffer that it arrives in: `native` has one of its own. */
function arrived(bytes) {
  buffer.set(bytes);
  return buffer.subarray(0, bytes.length);
}

/** For ways whose payload does not stay by itself. */
function kept(bytes) {
  const place = coded.subarray(used, used + bytes.length);
  place.set(bytes);
  used += bytes.length;
  return place;
}

const ways = {
  async native() {
    const parameter = `multifd-${name}-level`;
    const method = streamMethod({
      name,
      flag: 2,
      level: { name: parameter, least: 0, most: 20, usual: 1, help: '' },
    });
    const settings = { [parameter]: level };
    const options = { channel: 0, pageSize: 4096, maxPages: 128 };
    const send = await method.sendSetup({ ...options, settings });
    const recv = await method.recvSetup({ ...options, settings: {} });
    const offsets = Float64Array.from({ length: 128 }, (_, page) => page * 4096);
    const releases = [];
    return {
      compress(index) {
        const { vectors, release } = send.prepare({ offsets, count: 128, vectors: [packet(index)] });
        releases.push(release);
        return vectors[0];
      },
      async decompress(index, bytes) {
        const window = (offset, length) =>
          back.subarray(index * PACKET + offset, index * PACKET + offset + length);
        const block = { inPlace: true, windowSize: 2 ** 30, window };
        const payload = { read: async (target) => target.set(bytes) };
        await recv.recv({ block, offsets, count: 128, payloadSize: bytes.length }, payload);
        releases.shift()();
      },
    };
  },
  handle() {
    const pack = isZlib ? node.createDeflate({ level }) : node.createZstdCompress(zstdLevel);
    const unpack = isZlib ? node.createInflate() : node.createZstdDecompress();
    const flush = isZlib ? constants.Z_SYNC_FLUSH : constants.ZSTD_e_flush;
    const room = new Uint8Array(2 * PACKET);
    const run = (stream, input, output) => {
      stream._handle.writeSync(flush, input, 0, input.length, output, 0, output.length);
      return output.length - stream._writeState[0];
    };
    return {
      compress: (index) => kept(room.subarray(0, run(pack, copied(index), room))),
      decompress(index, bytes) {
        run(unpack, arrived(bytes), copy);
        back.set(copy, index * PACKET);
      },
    };
  },
  packets() {
    const chunk = { chunkSize: PACKET + 8192 };
    const flushed = { ...chunk, finishFlush: constants.Z_SYNC_FLUSH };
    return {
      compress: (index) =>
        kept(
          isZlib
            ? node.deflateRawSync(copied(index), { ...flushed, level })
            : node.zstdCompressSync(copied(index), { ...chunk, ...zstdLevel }),
        ),
      decompress: (index, bytes) =>
        back.set(
          isZlib
            ? node.inflateRawSync(arrived(bytes), flushed)
            : node.zstdDecompressSync(arrived(bytes), chunk),
          index * PACKET,
        ),
    };
  },
  pool() {
    const chunk = { chunkSize: PACKET + 8192 };
    const pack = isZlib
      ? node.createDeflate({ ...chunk, level, flush: constants.Z_SYNC_FLUSH })
      : node.createZstdCompress({ ...chunk, ...zstdLevel, flush: constants.ZSTD_e_flush });
    const unpack = isZlib
      ? node.createInflate({ ...chunk, flush: constants.Z_SYNC_FLUSH })
      : node.createZstdDecompress(chunk);
    let parts = [];
    let at = 0;
    pack.on('data', (part) => parts.push(part));
    unpack.on('data', (part) => {
      back.set(part, at);
      at = (at + part.length) % memory.length;
    });
    const passed = (stream, input) => new Promise((resolve) => stream.write(input, resolve));
    return {
      async compress(index) {
        await passed(pack, copied(index));
        const payload = kept(Buffer.concat(parts));
        parts = [];
        return payload;
      },
      decompress: (_index, bytes) => passed(unpack, arrived(bytes)),
    };
  },
};

const { compress, decompress } = await ways[way]();

/** All packets there and back, over a stream that goes on. */
async function round() {
  used = 0;
  const payloads = [];
  let start = cpu();
  for (let index = 0; index < packets; index++) payloads.push(await compress(index));
  const compressed = cpu() - start;
  start = cpu();
  for (let index = 0; index < packets; index++) await decompress(index, payloads[index]);
  // What the last write of a pool has brought may come one turn later.
  await new Promise((resolve) => setImmediate(resolve));
  const payloadBytes = payloads.reduce((sum, { length }) => sum + length, 0);
  return { pageBytes: memory.length, payloadBytes, compress: compressed, decompress: cpu() - start };
}

// The first round warms up: memory is touched and JavaScript compiled, as in a migration of some seconds.
const { payloadBytes } = await round();
back.fill(1);
const figures = { ...(await round()), payloadBytes };
if (Buffer.compare(back, memory) !== 0) throw new Error(`${way}: the way back went wrong`);
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
