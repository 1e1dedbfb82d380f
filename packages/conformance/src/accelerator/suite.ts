import assert from 'node:assert/strict';
import type { Accelerator } from '@multifd/core';
import { freshSeed, randomNumbers } from '../random.js';
import type { TestRunner } from '../runner.js';
import { type CaseContext, PAGE_SIZES } from './case.js';
import { acceleratorCases } from './cases/index.js';
import { inTime } from './subject.js';

export interface AcceleratorSuiteOptions {
  /** URL of the module that exports the accelerator (built, so that Node can import it): tries it in other threads. */
  readonly module?: string;
  /**
   * Cases that this accelerator cannot pass: name of the case (see `acceleratorCases`) and the reason. They are
   * shown as skipped. A name that no case has is an error.
   */
  readonly optOut?: Readonly<Record<string, string>>;
  /** Of everything random; 32 bits. Default: `MULTIFD_SEED`, else the time. Names of tests show it. */
  readonly seed?: number;
  /** Fail where the accelerator cannot run, in place of skipping: for a CI machine that has the hardware. */
  readonly required?: boolean;
  /** ms that one answer of an asynchronous accelerator may take. Default 10000. */
  readonly timeout?: number;
}

/**
 * Registers one test for each case with `runner`, after probing the accelerator. Await it where tests are
 * registered: at the top level of a test file.
 *
 * @throws RangeError for an opt-out that no case has, and whatever `probe` throws.
 */
export async function testAccelerator(
  runner: TestRunner,
  accelerator: Accelerator,
  options: AcceleratorSuiteOptions = {},
): Promise<void> {
  const { optOut = {}, seed = freshSeed(), timeout = 10_000, required = false } = options;
  const names = new Set(acceleratorCases.map(({ name }) => name));
  const unknown = Object.keys(optOut).find((name) => !names.has(name));
  if (unknown !== undefined) throw new RangeError(`opt-out of a case that is not there: ${unknown}`);

  const probe = await inTime(accelerator.probe(), timeout, 'probe');
  const context: CaseContext = {
    accelerator,
    probe,
    pageSize: Math.max(PAGE_SIZES[0], accelerator.capabilities.pageSize.min),
    random: randomNumbers(seed),
    module: options.module,
    timeout,
  };
  const { test, describe } = runner;
  const prefix = describe === undefined ? `${accelerator.name}: ` : '';
  const register = () => {
    if (required) {
      test(`${prefix}can run here, as required`, () => assert.ok(probe.ok, probe.ok ? '' : probe.reason));
    }
    for (const each of acceleratorCases) {
      const name = `${prefix}${each.name}${each.random ? ` (MULTIFD_SEED=${seed})` : ''}`;
      const reason = optOut[each.name] ?? each.skipped(context);
      // Each case has its own numbers: the same ones when it is run alone.
      const run = () => each.run({ ...context, random: randomNumbers(seed) });
      if (reason === undefined) test(name, run);
      else test.skip(`${name}: ${reason}`, run);
    }
  };
  if (describe === undefined) register();
  else describe(`accelerator ${accelerator.name}`, register);
}
