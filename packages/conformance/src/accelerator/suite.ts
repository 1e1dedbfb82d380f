import type { Accelerator } from '@multifd/core/accelerator';
import { inTime } from '../in-time.js';
import { freshSeed } from '../random.js';
import { checkOptOut, registerSuite } from '../register.js';
import type { TestRunner } from '../runner.js';
import { type CaseContext, PAGE_SIZES } from './case.js';
import { acceleratorCases } from './cases/index.js';

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
  const { optOut = {}, seed = freshSeed(), timeout = 10_000, required = false, module } = options;
  checkOptOut(acceleratorCases, optOut);
  const probe = await inTime(accelerator.probe(), timeout, 'probe');
  const pageSize = Math.max(PAGE_SIZES[0], accelerator.capabilities.pageSize.min);
  const { name } = accelerator;
  registerSuite<CaseContext>(runner, {
    title: `accelerator ${name}`,
    name,
    cases: acceleratorCases,
    optOut,
    seed,
    required,
    probe,
    context: (random) => ({ accelerator, probe, pageSize, random, module, timeout }),
  });
}
