/** Memory of four kinds, the same on every machine: text as in logs, machine code, noise, and text and noise in turn. */
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = 4096;
const WORDS =
  `kernel page memory guest block channel stream buffer state device driver socket thread process signal
  error warning info debug start stop open close read write flush sync send receive packet header length offset`.split(
    /\s+/,
  );

export const KINDS = ['text', 'code', 'mixed', 'noise'];

/** Writes each kind to a file of `bytes` in `folder`. @returns kind → path. */
export function writePages(folder, bytes) {
  const random = numbers(7);
  const kinds = {
    text: filled(bytes, (page) => fillText(page, random)),
    code: code(bytes),
    mixed: filled(bytes, (page, index) => (index % 2 === 0 ? fillNoise : fillText)(page, random)),
    noise: filled(bytes, (page) => fillNoise(page, random)),
  };
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, memory]) => {
      const path = join(folder, kind);
      writeFileSync(path, memory);
      return [kind, path];
    }),
  );
}

function filled(bytes, fill) {
  const memory = Buffer.alloc(bytes);
  for (let at = 0, index = 0; at < bytes; at += PAGE) fill(memory.subarray(at, at + PAGE), index++);
  return memory;
}

function fillText(page, random) {
  for (let at = 0; at < page.length; )
    at += page.write(`${WORDS[random() % WORDS.length]} ${random() % 1000} `, at);
}

function fillNoise(page, random) {
  for (let at = 0; at < page.length; at += 4) page.writeUInt32LE(random(), at);
}

/** What a guest's page cache is full of: the middle of a large program, this one. */
function code(bytes) {
  const memory = Buffer.alloc(bytes);
  const file = openSync(process.execPath, 'r');
  readSync(file, memory, 0, bytes, 16 * 2 ** 20);
  closeSync(file);
  return memory;
}

/** mulberry32. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
