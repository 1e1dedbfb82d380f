import { writeFileSync } from 'node:fs';
import { probe } from '@multifd/host-linux';
import { beforeAll, describe, expect, test } from 'vitest';
import { atRandom, pairsOf, pairwise, possiblePairs, refused } from './support/combinations.js';
import { CLI, runCommand } from './support/command.js';
import { type Combination, type Features, features, onceLost, refusal } from './support/features.js';
import { areRefusedAs, commandLine, isRefusedAs, migrates } from './support/migrate.js';
import { readPlan } from './support/plan.js';

/**
 * Features that work alone may fail together. Every combination is the real command with a guest that runs, if it writes,
 * and every byte of both ends compared: those that hold every pair of values once, in an order that the seed gives; with a
 * time, random ones after them until it is over.
 */
const plan = readPlan();
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** A store is where a guest is, and no address; and a guest at rest has what it has. */
const REFUSED_WITH_STORE: readonly (readonly [string, RegExp])[] = [
  ['migrate demo:4M store:guests#a', /"store:guests#a": an address belongs here, and store: is none/],
  ['relay tcp:127.0.0.1:0 store:guests#a', /an address belongs here, and store: is none/],
  ['receive store:guests#a', /an address belongs here/],
  ['receive tcp:127.0.0.1:0 store:guests', /a store and the name of a snapshot belong here/],
  ['migrate store:guests#a,dirty=16M', /is not a name for a snapshot/],
  ['migrate store:guests#a', /there is no store/],
  ['store export guests#a store:others#a', /a snapshot is exported to a file or to images/],
  ['convert store:guests#a raw:images', /a guest at rest is converted to a dump only/],
];

let known: Features;
beforeAll(async () => {
  const listed = await runCommand([CLI, 'accel', 'list', '--json']);
  const { accelerators } = JSON.parse(listed.stdout);
  const here: string[] = accelerators
    .filter(({ available, name }: { available: boolean; name: string }) => available && name !== 'gpu')
    .map(({ name }: { name: string }) => name);
  known = features(here, probe().ok, process.platform === 'linux' && probe().ok);
}, plan.limit);

describe('features together', () => {
  test('what cannot go together is refused in one line', { timeout: plan.limit }, async () => {
    const [base] = pairwise(known, plan.seed);
    if (base === undefined) throw new Error('no combination');
    const rows = refused(known, base);
    // Half a second each: a bounded run takes a few, and other seeds others.
    const faults: string[] = [];
    const from = plan.seed % Math.max(1, rows.length);
    const some = [...rows.slice(from), ...rows.slice(0, from)].slice(0, plan.refusals);
    for (const row of some) {
      const fault = await isRefusedAs(row, refusal(row) ?? /nothing/);
      if (fault !== undefined) faults.push(`${fault}\n  ${commandLine(row)}`);
    }
    say(`matrix: ${some.length} of ${rows.length} impossible combinations were tried`);
    expect(faults).toEqual([]);
  });

  test('what cannot go together with a store is refused in one line', { timeout: plan.limit }, async () => {
    const faults = await Promise.all(
      REFUSED_WITH_STORE.map(async ([words, reason]) => {
        const fault = await areRefusedAs(words.split(' '), reason);
        return fault === undefined ? [] : [`multifd ${words}: ${fault}`];
      }),
    );
    expect(faults.flat()).toEqual([]);
  });

  test('no byte of a guest is lost', { timeout: plan.limit }, async () => {
    const pairs = pairwise(known, plan.seed);
    const possible = possiblePairs(known);
    const stored = pairs.filter(({ through }) => through === 'store').length;
    say(
      `matrix: ${pairs.length} combinations, ${stored} of them through a store, hold all ${possible.size} pairs of values`,
    );
    const held = pairsOf(pairs);
    expect([...possible].filter((pair) => !held.has(pair))).toEqual([]);
    const done: Combination[] = [];
    const failed: { readonly command: string; readonly fault: string }[] = [];
    const started = performance.now();
    const seconds = (): number => Math.round((performance.now() - started) / 1000);
    const { duration = Number.POSITIVE_INFINITY } = plan;
    const isOver = (): boolean => performance.now() - started >= duration;
    const progress = (): string =>
      `matrix: ${done.length} combinations in ${seconds()} s, ${pairsOf(done).size} of ${possible.size} pairs of values, ` +
      `${failed.length} failed, seed ${plan.seed}`;
    const all = function* (): Generator<Combination> {
      yield* onceLost(known);
      yield* pairs;
      if (plan.duration !== undefined) yield* atRandom(known, plan.seed);
    };
    const next = all();
    const lane = async (): Promise<void> => {
      while (!isOver()) {
        const { value: combination, done: isLast } = next.next();
        if (isLast) break;
        const fault = await migrates(combination);
        done.push(combination);
        if (fault !== undefined) {
          failed.push({ command: commandLine(combination), fault });
          say(`matrix: FAILED: ${fault}\n  ${commandLine(combination)}`);
        }
        if (done.length % 20 === 0) say(progress());
      }
    };
    // One alone keeps two cores busy for less than half of the time.
    await Promise.all([lane(), lane()]);
    say(progress());
    const result = {
      seed: plan.seed,
      seconds: seconds(),
      combinations: done.length,
      pairs: { covered: pairsOf(done).size, possible: possible.size },
      failed,
    };
    if (plan.result === undefined) say(JSON.stringify(result));
    else writeFileSync(plan.result, `${JSON.stringify(result, null, 2)}\n`);
    expect(failed).toEqual([]);
    expect(done.length).toBeGreaterThan(0);
    if (plan.duration === undefined) expect(result.pairs.covered).toBe(possible.size);
  });
});
