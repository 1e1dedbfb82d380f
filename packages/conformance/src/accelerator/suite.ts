import {
  type Accelerator,
  type AcceleratorV1,
  currentAccelerator,
  type SettingValues,
  settingsFor,
} from '@multifd/core/accelerator';
import { inTime } from '../in-time.js';
import { freshSeed } from '../random.js';
import { checkOptOut, registerSuite } from '../register.js';
import type { TestRunner } from '../runner.js';
import { type CaseContext, PAGE_SIZES } from './case.js';
import { acceleratorCases } from './cases/index.js';

export interface AcceleratorSuiteOptions {
  /** What it is told in all cases. Default: its defaults. */
  readonly settings?: SettingValues;
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
 * registered: at the top level of a test file. An accelerator of contract version 1 is tested as core uses it.
 *
 * @throws RangeError for an opt-out that no case has, MultifdError `usage` for settings that it does not take, and
 *   whatever `probe` throws.
 */
export async function testAccelerator(
  runner: TestRunner,
  tested: Accelerator | AcceleratorV1,
  options: AcceleratorSuiteOptions = {},
): Promise<void> {
  const { optOut = {}, seed = freshSeed(), timeout = 10_000, required = false, module } = options;
  checkOptOut(acceleratorCases, optOut);
  const accelerator = currentAccelerator(tested);
  const settings = settingsFor(accelerator, options.settings);
  const probe = await inTime(accelerator.probe(settings), timeout, 'probe');
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
    context: (random) => ({ accelerator, settings, probe, pageSize, random, module, timeout, opened: [] }),
  });
}
