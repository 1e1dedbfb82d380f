import assert from 'node:assert/strict';
import type { Probe } from '@multifd/core/accelerator';
import { type Random, randomNumbers } from './random.js';
import type { TestRunner } from './runner.js';

/** One thing that everything of a kind must do. */
export interface SuiteCase<Context> {
  /** Unique; what an opt-out names. Page sizes are part of it: `16384: all zero`. */
  readonly name: string;
  /** Whether it draws random numbers: then the test's name shows the seed. */
  readonly random: boolean;
  /** Why it cannot be asked of this one; undefined if it can. */
  skipped(context: Context): string | undefined;
  /** @throws AssertionError, or whatever is thrown by what is tried. */
  run(context: Context): Promise<void>;
}

export interface Suite<Context> {
  /** `accelerator js`: under which the tests stand. */
  readonly title: string;
  /** Before each test's name where the runner has no `describe`. */
  readonly name: string;
  readonly cases: readonly SuiteCase<Context>[];
  readonly optOut: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly required: boolean;
  readonly probe: Probe;
  /** Each case has its own numbers: the same ones when it is run alone. */
  context(random: Random): Context;
}

/** @throws RangeError for an opt-out that no case has. */
export function checkOptOut(
  cases: readonly { readonly name: string }[],
  optOut: Readonly<Record<string, string>>,
): void {
  const names = new Set(cases.map(({ name }) => name));
  const unknown = Object.keys(optOut).find((name) => !names.has(name));
  if (unknown !== undefined) throw new RangeError(`opt-out of a case that is not there: ${unknown}`);
}

/** Registers one test for each case. */
export function registerSuite<Context>({ test, describe }: TestRunner, suite: Suite<Context>): void {
  const { title, cases, optOut, seed, required, probe } = suite;
  const prefix = describe === undefined ? `${suite.name}: ` : '';
  const context = suite.context(randomNumbers(seed));
  const register = () => {
    if (required) {
      test(`${prefix}can run here, as required`, () => assert.ok(probe.ok, probe.ok ? '' : probe.reason));
    }
    for (const each of cases) {
      const name = `${prefix}${each.name}${each.random ? ` (MULTIFD_SEED=${seed})` : ''}`;
      const reason = optOut[each.name] ?? each.skipped(context);
      const run = () => each.run(suite.context(randomNumbers(seed)));
      if (reason === undefined) test(name, run);
      else test.skip(`${name}: ${reason}`, run);
    }
  };
  if (describe === undefined) register();
  else describe(title, register);
}
