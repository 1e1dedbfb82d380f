import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepts } from './floor.mjs';

for (const [range, version, is] of [
  ['>=22.0.0', 'v20.20.2', false],
  ['>=22.0.0', 'v22.0.0', true],
  ['>=22.0.0', '26.10.0', true],
  ['^22.15.0 || >=24.0.0', 'v22.14.0', false],
  ['^22.15.0 || >=24.0.0', 'v22.15.0', true],
  ['^22.15.0 || >=24.0.0', 'v22.23.3', true],
  ['^22.15.0 || >=24.0.0', 'v23.11.0', false],
  ['^22.15.0 || >=24.0.0', 'v24.0.0', true],
])
  test(`${range} ${is ? 'takes' : 'does not take'} ${version}`, () =>
    assert.equal(accepts(range, version), is));
