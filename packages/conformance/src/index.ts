export type { AcceleratorCase } from './accelerator/case.js';
export { acceleratorCases } from './accelerator/cases/index.js';
export { type AcceleratorSuiteOptions, testAccelerator } from './accelerator/suite.js';
export type { TestFunction, TestRunner } from './runner.js';
