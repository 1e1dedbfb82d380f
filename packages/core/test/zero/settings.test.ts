import { describe, expect, it } from 'vitest';
import type { Accelerator } from '../../src/zero/accelerator.js';
import {
  allowedBy,
  completeSettings,
  faultOfSettings,
  type Settings,
  type SettingValue,
} from '../../src/zero/settings.js';

const declared = {
  depth: { type: 'number', min: 1, max: 128, default: 16, help: 'descriptors in flight' },
  share: { type: 'number', max: 1, fraction: true, default: 0.5, help: 'part of the device' },
  mode: { type: 'choice', choices: ['shared', 'dedicated'], default: 'shared', help: 'of its queue' },
  pin: { type: 'boolean', default: false, help: 'keep memory resident' },
  label: { type: 'text', default: '', help: 'for its log' },
  wq: { type: 'list', positional: true, max: 2, default: [], help: 'work queues' },
} as const satisfies Settings;

describe('settings', () => {
  it('are completed with the defaults', () => {
    const defaults = { depth: 16, share: 0.5, mode: 'shared', pin: false, label: '', wq: [] };
    expect(completeSettings('accelerator dsa', declared, undefined)).toEqual(defaults);
    const given = { depth: 128, share: -3.5, mode: 'dedicated', pin: true, label: 'x', wq: ['wq0.0'] };
    expect(completeSettings('accelerator dsa', declared, given)).toEqual(given);
  });

  it.each<[string, SettingValue, string]>([
    ['depth', 0, 'depth must be a whole number from 1 to 128, is 0'],
    ['depth', 129, 'depth must be a whole number from 1 to 128, is 129'],
    ['depth', 1.5, 'depth must be a whole number from 1 to 128, is 1.5'],
    ['depth', Number.NaN, 'depth must be a whole number from 1 to 128, is NaN'],
    ['depth', '16', 'depth must be a whole number from 1 to 128, is "16"'],
    ['share', 1.1, 'share must be a number to 1, is 1.1'],
    ['mode', 'both', 'mode must be one of shared, dedicated, is "both"'],
    ['pin', 'on', 'pin must be on or off, is "on"'],
    ['label', 1, 'label must be text, is 1'],
    ['wq', 'wq0.0', 'wq must be a list of at most 2, none of them empty, is "wq0.0"'],
    ['wq', ['a', 'b', 'c'], 'wq must be a list of at most 2, none of them empty, is ["a", "b", "c"]'],
    ['wq', [''], 'wq must be a list of at most 2, none of them empty, is [""]'],
    ['deph', 1, 'has no setting deph; it has depth, share, mode, pin, label, wq'],
    ['toString', 1, 'has no setting toString; it has depth'],
  ])('%s: %j is refused by name, with what is allowed', (key, value, message) => {
    expect(() => completeSettings('accelerator dsa', declared, { [key]: value })).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('of an accelerator without any are refused', () => {
    expect(() => completeSettings('accelerator js', {}, { depth: 1 })).toThrow(
      'accelerator js has no settings, got depth',
    );
  });

  it('say what they allow', () => {
    expect(Object.values(declared).map(allowedBy)).toEqual([
      'a whole number from 1 to 128',
      'a number to 1',
      'one of shared, dedicated',
      'on or off',
      'text',
      'a list of at most 2, none of them empty',
    ]);
    expect(allowedBy({ type: 'number', min: 2, default: 2, help: 'x' })).toBe('a whole number from 2 on');
    const list = { type: 'list', default: [], help: 'x' } as const;
    expect(allowedBy({ ...list, min: 1 })).toBe('a list of at least 1, none of them empty');
    expect(allowedBy({ ...list, min: 1, max: 4 })).toBe('a list of 1 to 4, none of them empty');
    expect(allowedBy({ type: 'list', choices: ['a', 'b'], default: [], help: 'x' })).toBe(
      'a list, each of them one of a, b',
    );
  });

  it('reach an accelerator with their types', () => {
    const typed: Accelerator<typeof declared> = {
      specVersion: 2,
      name: 'typed',
      capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 1 },
      settings: declared,
      probe: ({ depth, pin, wq, mode }) => {
        const line: readonly [number, boolean, readonly string[], 'shared' | 'dedicated'] = [
          depth,
          pin,
          wq,
          mode,
        ];
        return { ok: true, detail: line.join(' ') };
      },
      open: () => ({ detect() {}, close() {} }),
    };
    const any: Accelerator = typed;
    expect(any.probe(completeSettings('accelerator typed', declared, { wq: ['a'] }))).toEqual({
      ok: true,
      detail: '16 false a shared',
    });
  });
});

describe('what an accelerator declares', () => {
  it('is right', () => {
    expect(faultOfSettings(undefined)).toBeUndefined();
    expect(faultOfSettings({})).toBeUndefined();
    expect(faultOfSettings(declared)).toBeUndefined();
  });

  const help = 'one line';
  it.each<[unknown, RegExp]>([
    [[], /settings must be an object/],
    [{ Depth: { type: 'text', default: '', help } }, /the key "Depth" is not lower case/],
    [{ depth: { type: 'integer', default: 1, help } }, /settings.depth must be \{ type, default, help \}/],
    [{ depth: { type: 'number', default: 1 } }, /settings.depth must be/],
    [{ depth: { type: 'number', default: 1, help: ' ' } }, /settings.depth.help must be one line/],
    [{ depth: { type: 'number', default: 1, help: 'two\nlines' } }, /help must be one line/],
    [{ depth: { type: 'number', min: 2, default: 1, help } }, /default must be a whole number from 2 on/],
    [{ depth: { type: 'number', min: '2', default: 1, help } }, /settings.depth must be/],
    [{ mode: { type: 'choice', choices: [], default: 'a', help } }, /settings.mode must be/],
    [{ mode: { type: 'choice', choices: ['b'], default: 'a', help } }, /default must be one of b/],
    [{ pin: { type: 'boolean', default: 0, help } }, /default must be on or off/],
    [{ wq: { type: 'list', positional: 'yes', default: [], help } }, /settings.wq must be/],
    [
      {
        a: { type: 'list', positional: true, default: [], help },
        b: { type: 'list', positional: true, default: [], help },
      },
      /only one may be positional/,
    ],
  ])('%j is refused', (settings, fault) => {
    expect(faultOfSettings(settings)).toMatch(fault);
  });
});
