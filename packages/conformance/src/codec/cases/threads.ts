/** Code of a thread that the suite starts, as text: it then needs no file of its own, wherever it is bundled. */

/** Sends itself packets over one channel of its own, and posts what came out wrong. */
export const PASSING_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, name, pageSize, settings, thread } = workerData;
  (async () => {
    const method = (await import(module)).methods.find((each) => each.name === name);
    const maxPages = 524288 / pageSize;
    const options = { channel: thread, pageSize, maxPages };
    const send = await method.sendSetup({ ...options, settings });
    const recv = await method.recvSetup({ ...options, settings: {} });
    const memory = new Uint8Array(new SharedArrayBuffer(16 * pageSize));
    const got = new Uint8Array(memory.length);
    const window = (offset, length) => got.subarray(offset, offset + length);
    const block = {
      name: 'pc.ram', length: memory.length, windowSize: 2 ** 30, inPlace: true, window, read: window,
      write: (offset, bytes) => got.set(bytes, offset),
    };
    const offsets = Float64Array.from({ length: maxPages }, (_, page) => page * pageSize);
    const wrong = [];
    for (let round = 0; round < 60; round++) {
      for (let at = 0; at < memory.length; at++) memory[at] = (at * (round + thread + 1)) >>> 3;
      const { vectors, size, release } = await send.prepare({ block, offsets, count: 16, vectors: [memory] });
      const bytes = Uint8Array.from(Buffer.concat(vectors));
      release?.();
      got.fill(0xee);
      let at = 0;
      const read = async (target) => { target.set(bytes.subarray(at, at + target.length)); at += target.length; };
      const payload = { get remaining() { return size - at; }, read };
      await recv.recv({ block, offsets, count: 16, payloadSize: size }, payload);
      if (Buffer.compare(got, Buffer.from(memory)) !== 0) wrong.push(round);
    }
    await send.cleanup();
    await recv.cleanup();
    parentPort.postMessage(wrong);
  })();
`;
