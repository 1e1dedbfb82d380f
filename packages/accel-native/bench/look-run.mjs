/** One run of `look.mjs`: MB/s (1e6 bytes) of each sample, as JSON. */
import { loadBinding } from '../src/load.ts';
import { LOOKS, MEMORIES, makeMemory, PAGE, PLACES } from './look-cases.mjs';

/** Bytes that one sample goes over, at least: a millisecond or more. */
const SAMPLE = 64 * 2 ** 20;
/** Pages a batch: all of a 4 MiB range. */
const BATCH = 1024;

const loaded = loadBinding();
if (!('binding' in loaded)) throw new Error(`${loaded.reason}; ${loaded.fix}`);
const samples = Number(process.argv[2]);
const { kernels, Checker } = loaded.binding;
const names = kernels()
  .filter(({ lacks }) => lacks === undefined)
  .map(({ name }) => name);
const offsets = new Float64Array(BATCH);
const answers = new Uint8Array(BATCH);
const results = Object.fromEntries(names.map((name) => [name, {}]));

for (const kind of MEMORIES) {
  for (const [place, length] of Object.entries(PLACES)) {
    const memory = makeMemory(kind, length);
    for (const name of names) {
      const contenders = LOOKS.map((look) => ({ look, checker: new Checker(name, PAGE, look), rates: [] }));
      for (let round = 0; round <= samples; round++) {
        for (let turn = 0; turn < contenders.length; turn++) {
          const { checker, rates } = contenders[(turn + round) % contenders.length];
          const rate = measure(checker, memory);
          if (round > 0) rates.push(rate);
        }
      }
      results[name][`${kind}, ${place}`] = Object.fromEntries(
        contenders.map(({ look, rates }) => [look, rates]),
      );
    }
  }
}
process.stdout.write(JSON.stringify(results));

function measure(checker, memory) {
  const passes = Math.max(1, SAMPLE / memory.length);
  const began = performance.now();
  for (let pass = 0; pass < passes; pass++) {
    for (let start = 0; start < memory.length; start += BATCH * PAGE) {
      const count = Math.min(BATCH, (memory.length - start) / PAGE);
      for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE;
      checker.check(memory, offsets, count, answers);
    }
  }
  return Math.round((memory.length * passes) / 1000 / (performance.now() - began));
}
