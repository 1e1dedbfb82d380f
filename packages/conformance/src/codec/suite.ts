import type { MultiFDMethods } from '@multifd/core/codec';
import { inTime } from '../in-time.js';
import { freshSeed } from '../random.js';
import { checkOptOut, registerSuite } from '../register.js';
import type { TestRunner } from '../runner.js';
import { type CodecContext, type HostilePayload, type MethodSettings, PAGE_SIZES } from './case.js';
import { hostilePayloadCases } from './cases/hostile.js';
import { codecCases } from './cases/index.js';
import { settingsCases } from './cases/settings.js';

export interface CodecSuiteOptions {
  /** URL of the module that exports the method (built, so that Node can import it): tries it in other threads. */
  readonly module?: string;
  /** Settings of the sender that are tried beside none at all: the lowest and the highest level. */
  readonly settings?: readonly MethodSettings[];
  /** What only the author knows to be dangerous: a bomb, a window that is too large. Each must be refused. */
  readonly hostile?: readonly HostilePayload[];
  /**
   * Cases that this codec cannot pass: name of the case (see `codecCases`) and the reason. They are shown as
   * skipped. A name that no case has is an error.
   */
  readonly optOut?: Readonly<Record<string, string>>;
  /** Of everything random; 32 bits. Default: `MULTIFD_SEED`, else the time. Names of tests show it. */
  readonly seed?: number;
  /** Fail where the codec cannot run, in place of skipping. */
  readonly required?: boolean;
  /** ms that one packet may take. Default 10000. */
  readonly timeout?: number;
}

/**
 * Registers one test for each case with `runner`, after probing the codec. Await it where tests are registered: at the
 * top level of a test file.
 *
 * @throws RangeError for an opt-out that no case has, and whatever `probe` throws.
 */
export async function testCodec(
  runner: TestRunner,
  method: MultiFDMethods,
  options: CodecSuiteOptions = {},
): Promise<void> {
  const { optOut = {}, seed = freshSeed(), timeout = 10_000, required = false, module } = options;
  const { settings = [], hostile = [] } = options;
  const cases = [...codecCases, ...settingsCases(settings), ...hostilePayloadCases(hostile)];
  checkOptOut(cases, optOut);
  const probe = await inTime(method.probe(), timeout, 'probe');
  const { name } = method;
  registerSuite<CodecContext>(runner, {
    title: `codec ${name}`,
    name,
    cases,
    optOut,
    seed,
    required,
    probe,
    context: (random) => ({
      method,
      probe,
      pageSize: PAGE_SIZES[0],
      settings: {},
      random,
      module,
      timeout,
    }),
  });
}
