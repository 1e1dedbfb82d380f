/**
 * The test runner, as far as the suite needs it. `{ test, describe }` of vitest and `{ test, describe }` of
 * node:test fit as they are, and so do jest's and mocha's (`test: it`).
 */
export interface TestRunner {
  readonly test: TestFunction;
  /** Puts the suite's tests under one name. Without it each test's name begins with that of what is tried. */
  readonly describe?: (name: string, body: () => void) => unknown;
}

export interface TestFunction {
  (name: string, body: () => void | Promise<void>): unknown;
  readonly skip: (name: string, body: () => void | Promise<void>) => unknown;
}
