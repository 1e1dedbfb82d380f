/** Tables and sentences about the accelerators, from the samples of `accelerators.mjs` and accel-native's `look.mjs`. */
import { figure, median, spread, table } from './figures.mjs';

/** GB/s of each run: the median of its samples, so that `spread` tells how far runs differ. */
const ofRuns = (runs, samplesOf) => runs.map((run) => median(samplesOf(run)) / 1e3);

const same = (one) => (other) => one.memory === other.memory && one.place === other.place;

/** One row for each accelerator, one column for each memory; plain reading first. */
export function acceleratorTable({ runs }) {
  const [first] = runs;
  const rows = Object.keys(first[0].rates).map((name) => [
    name === 'plain read' ? `**${name}**` : name,
    ...first.map((cell) => spread(ofRuns(runs, (run) => run.find(same(cell)).rates[name]))),
  ]);
  return table(['GB/s of one thread', ...first.map(({ memory, place }) => `${memory}, ${place}`)], rows);
}

/** Of each run `name`'s median in parts of `beside`'s, in percent: the two took turns. */
function percent({ runs }, memory, place, name, beside) {
  const parts = runs.map((run) => {
    const { rates } = run.find(same({ memory, place }));
    return (100 * median(rates[name])) / median(rates[beside]);
  });
  const [low, middle, high] = [Math.min(...parts), median(parts), Math.max(...parts)].map(Math.round);
  return `${middle} % (${low}-${high})`;
}

export function acceleratorFindings(results) {
  const { runs } = results;
  const names = Object.keys(runs[0][0].rates);
  const both = (memory, name, beside) =>
    ['in cache', 'out of cache']
      .map((place) => `${percent(results, memory, place, name, beside)} ${place}`)
      .join(', ');
  const sentences = [];
  if (names.includes('native')) {
    sentences.push(
      `**native beside plain reading, zero memory:** ${both('zero', 'native', 'plain read')}; the aim is 95 %.`,
    );
  }
  if (names.includes('avx2')) {
    const parts = ['zero', 'mixed', 'full'].map(
      (memory) => `${memory} memory ${both(memory, 'wasm', 'avx2')}`,
    );
    sentences.push(`**wasm in place beside avx2:** ${parts.join('; ')}. The aim is 90 %.`);
  }
  const wide = names.filter((name) => ['avx512', 'avx2', 'sse2', 'neon'].includes(name));
  const rate = (name, place) =>
    figure(median(ofRuns(runs, (run) => run.find(same({ memory: 'zero', place })).rates[name])));
  if (wide.length > 1) {
    const told = (place) => wide.map((name) => `${name} ${rate(name, place)}`).join(', ');
    sentences.push(
      `**Wider, zero memory:** ${told('in cache')} GB/s in cache; ${told('out of cache')} GB/s out of cache.`,
    );
  }
  return sentences.map((sentence) => `- ${sentence}`).join('\n');
}

const LOOKS = {
  none: 'no quick look',
  front: '4 bytes of the first 32 (chosen)',
  ends: 'first, middle and last byte',
};

/** The three looks, of the widest kernel and of AVX2, which WebAssembly is measured against. */
export function lookTable({ runs }) {
  const [first] = runs;
  const kernels = Object.keys(first).filter((name, index) => index === 0 || name === 'avx2');
  const memories = Object.keys(first[kernels[0]]);
  const rows = kernels.flatMap((kernel) =>
    memories.map((memory) => [
      `${kernel}: ${memory}`,
      ...Object.keys(LOOKS).map((look) => spread(ofRuns(runs, (run) => run[kernel][memory][look]))),
    ]),
  );
  return table(['GB/s of one thread', ...Object.values(LOOKS)], rows);
}
