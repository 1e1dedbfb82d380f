export type { AcceleratorCase } from './accelerator/case.js';
export { acceleratorCases } from './accelerator/cases/index.js';
export { type AcceleratorSuiteOptions, testAccelerator } from './accelerator/suite.js';
export type { CodecCase, HostilePayload, MethodSettings } from './codec/case.js';
export { codecCases } from './codec/cases/index.js';
export { type CodecSuiteOptions, testCodec } from './codec/suite.js';
export type { TestFunction, TestRunner } from './runner.js';
