import type { Accelerator, AcceleratorV1 } from '@multifd/core/accelerator';
import type { MultiFDMethods } from '@multifd/core/codec';
import {
  type AcceleratorSuiteOptions,
  type CodecSuiteOptions,
  type TestRunner,
  testAccelerator,
  testCodec,
} from '../src/index.js';

/** How one case ended, under the name that a runner would show. */
export interface Outcome {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly message: string;
}

/** Runs the accelerators' suite: all of it, or the cases that `wanted` matches. */
export function outcomes(
  accelerator: Accelerator | AcceleratorV1,
  options: AcceleratorSuiteOptions = {},
  wanted = /./,
): Promise<Outcome[]> {
  return noted((runner) => testAccelerator(runner, accelerator, options), wanted);
}

/** The same with the codecs' suite. */
export function codecOutcomes(
  method: MultiFDMethods,
  options: CodecSuiteOptions = {},
  wanted = /./,
): Promise<Outcome[]> {
  return noted((runner) => testCodec(runner, method, options), wanted);
}

/** The name of the first case that this accelerator fails, of those that `wanted` matches. */
export function firstFailureOf(
  accelerator: Accelerator,
  options: AcceleratorSuiteOptions,
  wanted: RegExp,
): Promise<string | undefined> {
  return firstFailed((runner) => testAccelerator(runner, accelerator, options), wanted);
}

/** The name of the first case that this codec fails, of those that `wanted` matches. */
export function firstFailure(
  method: MultiFDMethods,
  options: CodecSuiteOptions,
  wanted: RegExp,
): Promise<string | undefined> {
  return firstFailed((runner) => testCodec(runner, method, options), wanted);
}

async function firstFailed(
  register: (runner: TestRunner) => Promise<void>,
  wanted: RegExp,
): Promise<string | undefined> {
  const isFailure = ({ outcome }: Outcome): boolean => outcome === 'failed';
  const ended = await noted(register, wanted, isFailure);
  return ended.find(isFailure)?.name;
}

/** Runs a suite with a runner that only takes notes, until all of it has run or `isEnough`. */
async function noted(
  register: (runner: TestRunner) => Promise<void>,
  wanted: RegExp,
  isEnough: (outcome: Outcome) => boolean = () => false,
): Promise<Outcome[]> {
  const registered: { name: string; body: (() => void | Promise<void>) | undefined }[] = [];
  const runner: TestRunner = {
    test: Object.assign((name: string, body: () => void | Promise<void>) => registered.push({ name, body }), {
      skip: (name: string) => registered.push({ name, body: undefined }),
    }),
  };
  await register(runner);
  const ended: Outcome[] = [];
  for (const { name, body } of registered) {
    if (!wanted.test(name)) continue;
    const outcome = await tryOne(name, body);
    ended.push(outcome);
    if (isEnough(outcome)) break;
  }
  return ended;
}

async function tryOne(name: string, body: (() => void | Promise<void>) | undefined): Promise<Outcome> {
  if (body === undefined) return { name, outcome: 'skipped', message: '' };
  try {
    await body();
    return { name, outcome: 'passed', message: '' };
  } catch (error) {
    return { name, outcome: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
