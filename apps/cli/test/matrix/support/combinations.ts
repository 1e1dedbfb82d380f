import { createRandom } from '@multifd/testing/random';
import { make, sorters } from 'covertable';
import type { Combination, Features } from './features.js';
import { refusal } from './features.js';

/** Combinations in which every two values that can go together do so at least once, in an order of the seed's. */
export function pairwise(features: Features, seed: number): Combination[] {
  const direct: Features = { ...features, through: ['nothing'] };
  const made: Combination[] = make(direct, {
    sorter: sorters.random,
    seed,
    preFilter: (row: Partial<Combination>) => !isRefused(row),
  }).filter((row) => refusal(row) === undefined);
  const rows = features.through.includes('store') ? throughStore(made) : made;
  // The generator gives up a pair that its filter refused once, beside other values: random ones bring what is missing.
  const held = pairsOf(rows);
  const missing = new Set([...possiblePairs(features)].filter((pair) => !held.has(pair)));
  for (const combination of atRandom(features, seed)) {
    if (missing.size === 0) break;
    const pairs = pairsOf([combination]);
    if (![...pairs].some((pair) => missing.has(pair))) continue;
    rows.push(combination);
    for (const pair of pairs) missing.delete(pair);
  }
  const random = createRandom(seed).int;
  return rows
    .map((row) => ({ row, order: random(2 ** 31) }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ row }) => row);
}

/** Takes as few of them through a store as meet every value there: that is three commands, and takes three times as long. */
function throughStore(rows: readonly Combination[]): Combination[] {
  const left = new Set(rows.flatMap((row) => valuesOf(row)));
  const chosen = new Set<Combination>();
  for (;;) {
    const news = (row: Combination): number => valuesOf(row).filter((value) => left.has(value)).length;
    const [best] = rows
      .filter((row) => !chosen.has(row))
      .toSorted((a, b) => news(b) - news(a) || effort(a) - effort(b));
    if (best === undefined || news(best) === 0) break;
    chosen.add(best);
    for (const value of valuesOf(best)) left.delete(value);
  }
  return rows.map((row) => (chosen.has(row) ? { ...row, through: 'store' } : row));
}

/** Which of two takes longer. */
function effort({ size, dirty }: Combination): number {
  return (size === '96M' ? 2 : 0) + (dirty === '256M' ? 1 : 0);
}

function valuesOf(row: Combination): string[] {
  return Object.entries(row)
    .filter(([name]) => name !== 'through' && areCounted(name, 'through'))
    .map(([name, value]) => `${name}=${value}`);
}

/** Every pair of values that some combination holds which is not refused. */
export function possiblePairs(features: Features): Set<string> {
  const pairs = new Set<string>();
  const values = Object.entries(features).flatMap(([name, list]) => list.map((value) => ({ name, value })));
  for (const [index, one] of values.entries()) {
    for (const other of values.slice(index + 1)) {
      if (one.name === other.name || !areCounted(one.name, other.name)) continue;
      const fixed = { [one.name]: one.value, [other.name]: other.value };
      if (deciding(features).some((row) => refusal({ ...row, ...fixed }) === undefined)) {
        pairs.add(pairOf(`${one.name}=${one.value}`, `${other.name}=${other.value}`));
      }
    }
  }
  return pairs;
}

type Deciding = Pick<Combination, 'tracker' | 'backing' | 'host' | 'dirty' | 'userfaultfd'>;

/** All values of the features that decide whether a combination is refused. */
function deciding({ tracker, backing, host, dirty, userfaultfd }: Features): Deciding[] {
  return tracker.flatMap((tracker) =>
    backing.flatMap((backing) =>
      host.flatMap((host) =>
        dirty.flatMap((dirty) =>
          userfaultfd.map((userfaultfd) => ({ tracker, backing, host, dirty, userfaultfd })),
        ),
      ),
    ),
  );
}

/** Combinations at random, without an end; those that are refused are left out. */
export function* atRandom(features: Features, seed: number): Generator<Combination> {
  const random = createRandom(seed ^ 0x5eed).int;
  const one = <Value>(values: readonly Value[]): Value => {
    const value = values[random(values.length)];
    if (value === undefined) throw new Error('a feature without a value');
    return value;
  };
  for (;;) {
    const combination: Combination = {
      tracker: one(features.tracker),
      backing: one(features.backing),
      detection: one(features.detection),
      compression: one(features.compression),
      channels: one(features.channels),
      host: one(features.host),
      accelerator: one(features.accelerator),
      populate: one(features.populate),
      fill: one(features.fill),
      dirty: one(features.dirty),
      zero: one(features.zero),
      size: one(features.size),
      userfaultfd: one(features.userfaultfd),
      through: one(features.through),
    };
    if (refusal(combination) === undefined) yield combination;
  }
}

/**
 * One combination for each set of the values that decide whether it is refused, and is. The accelerator does not decide;
 * it is JavaScript, because the driver of a graphics card may print lines of its own before the command's one.
 */
export function refused(features: Features, base: Combination): Combination[] {
  return deciding(features)
    .map((row) => ({ ...base, accelerator: 'js', through: 'nothing' as const, ...row }))
    .filter((row) => refusal(row) !== undefined);
}

function isRefused({ tracker, backing, host, dirty, userfaultfd }: Partial<Combination>): boolean {
  // The generator asks before it has chosen everything: what is missing refuses nothing.
  const row = {
    tracker: tracker ?? 'auto',
    backing: backing ?? (host === 'none' ? 'wasm' : 'anon'),
    host: host ?? 'auto',
    dirty: dirty ?? '0',
    userfaultfd: userfaultfd ?? 'allowed',
  };
  return refusal(row) !== undefined;
}

/**
 * Whether their values are to meet. An accelerator gets a copy of a store's pages, as of any block that is not in memory, and there are
 * more accelerators than anything else.
 */
function areCounted(one: string, other: string): boolean {
  const names = [one, other];
  return !(names.includes('through') && names.includes('accelerator'));
}

/** One name for a pair, whatever the order of a combination's members is. */
function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

/** The pairs of values that combinations hold. */
export function pairsOf(combinations: readonly Combination[]): Set<string> {
  const pairs = new Set<string>();
  for (const combination of combinations) {
    const values = Object.entries(combination);
    for (const [index, [name, value]] of values.entries())
      for (const [other, its] of values.slice(index + 1))
        if (areCounted(name, other)) pairs.add(pairOf(`${name}=${value}`, `${other}=${its}`));
  }
  return pairs;
}
