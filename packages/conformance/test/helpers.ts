import type { Accelerator } from '@multifd/core';
import { type AcceleratorSuiteOptions, type TestRunner, testAccelerator } from '../src/index.js';

/** How one case ended, under the name that a runner would show. */
export interface Outcome {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly message: string;
}

/** Runs the suite with a runner that only takes notes: all of it, or the cases that `wanted` matches. */
export async function outcomes(
  accelerator: Accelerator,
  options: AcceleratorSuiteOptions = {},
  wanted = /./,
): Promise<Outcome[]> {
  const registered: { name: string; body: (() => void | Promise<void>) | undefined }[] = [];
  const runner: TestRunner = {
    test: Object.assign((name: string, body: () => void | Promise<void>) => registered.push({ name, body }), {
      skip: (name: string) => registered.push({ name, body: undefined }),
    }),
  };
  await testAccelerator(runner, accelerator, options);
  const ended: Outcome[] = [];
  for (const { name, body } of registered) if (wanted.test(name)) ended.push(await tryOne(name, body));
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
