import type { AcceleratorChoice } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { readAccelerator } from '../../src/zero/option.js';

const JS = { module: 'file:///js.mjs', name: 'js' };
const WASM = { module: 'file:///wasm.mjs', name: 'wasm' };
const CHOICE: AcceleratorChoice = {
  accelerator: JS,
  detail: 'portable',
  requested: 'auto',
  refused: [],
  fallbacks: [WASM],
};

describe('the option accelerator', () => {
  it('is a reference, a choice, or a text', () => {
    const none = { accelerator: undefined, fallbacks: [], isProbed: false };
    expect(readAccelerator(undefined, undefined)).toEqual(none);
    const js = { accelerator: JS, fallbacks: [], isProbed: false };
    expect(readAccelerator(JS, undefined)).toEqual(js);
    expect(readAccelerator(JS, [WASM])).toEqual({ ...js, fallbacks: [WASM] });
    expect(readAccelerator('file:///js.mjs:js', undefined)).toEqual(js);
  });

  it('a choice brings its fallbacks, unless others are given, and has been asked already', () => {
    const chosen = { accelerator: JS, fallbacks: [WASM], isProbed: true };
    expect(readAccelerator(CHOICE, undefined)).toEqual(chosen);
    expect(readAccelerator(CHOICE, [])).toEqual({ ...chosen, fallbacks: [] });
    expect(readAccelerator(CHOICE, [JS])).toEqual({ ...chosen, fallbacks: [JS] });
  });

  it.each([
    ['file:///js.mjs', 'the name behind the module is missing'],
    ['./js.mjs:js', 'its module is no URL'],
    ['package:js', 'its module is no URL'],
    ['js', 'the name behind the module is missing'],
    ['', 'the name behind the module is missing'],
  ])('refuses %j', (text, what) => {
    expect(() => readAccelerator(text, undefined)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(what) }),
    );
  });
});
