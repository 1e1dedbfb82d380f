import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AcceleratorRegistry, type Settings } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { readRequest } from '../../src/accelerators/request.js';
import { parseSettings } from '../../src/accelerators/settings-text.js';
import { tempDirectory } from '../helpers/temp.js';

const declared = {
  depth: { type: 'number', min: 1, max: 128, default: 16, help: 'descriptors in flight' },
  mode: { type: 'choice', choices: ['shared', 'dedicated'], default: 'shared', help: 'of its queue' },
  pin: { type: 'boolean', default: false, help: 'keep memory resident' },
  label: { type: 'text', default: '', help: 'for its log' },
  wq: { type: 'list', positional: true, default: [], help: 'work queues' },
} as const satisfies Settings;

describe('settings on the command line', () => {
  it.each([
    ['depth=4', { depth: 4 }],
    ['depth=4,mode=dedicated,pin=on', { depth: 4, mode: 'dedicated', pin: true }],
    ['pin=false', { pin: false }],
    ['label=a,,b=c', { label: 'a,b=c' }],
    ['label=', { label: '' }],
    ['wq0.0,wq1.0', { wq: ['wq0.0', 'wq1.0'] }],
    ['wq=wq0.0,depth=4,wq1.0', { wq: ['wq0.0', 'wq1.0'], depth: 4 }],
  ])('%s', (text, values) => {
    expect(parseSettings(text, 'accelerator dsa', declared)).toEqual(values);
  });

  it.each([
    ['depth=0', 'accelerator dsa: depth must be a whole number from 1 to 128, is 0', undefined],
    ['depth=many', 'accelerator dsa: depth must be a whole number from 1 to 128, is "many"', undefined],
    ['depth=', 'accelerator dsa: depth must be a whole number from 1 to 128, is ""', undefined],
    ['depth=1,depth=2', 'accelerator dsa: depth is given twice', undefined],
    ['mode=both', 'accelerator dsa: mode must be one of shared, dedicated, is "both"', undefined],
    ['pin=1', 'accelerator dsa: pin must be on or off, is "1"', undefined],
    [
      'dpeth=4',
      'accelerator dsa has no setting dpeth; it has depth, mode, pin, label, wq',
      'did you mean depth?',
    ],
    ['zzz=4', 'accelerator dsa has no setting zzz', 'multifd accel list shows them'],
    ['wq0.0,', 'accelerator dsa: "" is no setting: write key=value', undefined],
    ['=4', 'accelerator dsa: "=4" is no setting: write key=value', undefined],
  ])('%s is refused in one line', (text, message, hint) => {
    expect(() => parseSettings(text, 'accelerator dsa', declared)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining(message),
        ...(hint === undefined ? {} : { hint }),
      }),
    );
  });

  it('without a positional setting a word alone is none', () => {
    const { wq, ...rest } = declared;
    expect(wq.positional).toBe(true);
    expect(() => parseSettings('depth=4,pni', 'accelerator dsa', rest)).toThrow(
      expect.objectContaining({
        message: 'accelerator dsa: "pni" is no setting: write key=value',
        hint: 'did you mean pin?',
      }),
    );
  });
});

/** A module of two accelerators, `dsa` with settings and `dsa:software` with fewer; registered as ours or not. */
function writeModule(): { cwd: string; module: string } {
  const cwd = tempDirectory();
  const path = join(cwd, 'mod.mjs');
  writeFileSync(
    path,
    `const make = (name, settings) => ({
      specVersion: 2, name, settings, capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 1 },
      probe: () => ({ ok: true, detail: 'd' }), open: () => ({ detect() {}, close() {} }) });
    const all = ${JSON.stringify(declared)};
    export const accelerators = [make('plain'), make('dsa', all), make('dsa:software', { depth: all.depth })];`,
  );
  return { cwd, module: pathToFileURL(path).href };
}

describe('what --accel asks for', () => {
  it.each([
    ['auto', { asked: 'auto', isOurs: true, settings: undefined }],
    ['dsa', { asked: 'dsa', isOurs: true, settings: undefined }],
    ['dsa:wq0.0,wq1.0', { asked: 'dsa', isOurs: true, settings: { wq: ['wq0.0', 'wq1.0'] } }],
    ['dsa:depth=4', { asked: 'dsa', isOurs: true, settings: { depth: 4 } }],
    ['dsa:label=a:b', { asked: 'dsa', isOurs: true, settings: { label: 'a:b' } }],
    ['dsa:software', { asked: 'dsa:software', isOurs: true, settings: undefined }],
    ['dsa:software:depth=4', { asked: 'dsa:software', isOurs: true, settings: { depth: 4 } }],
  ])('by name: %s', async (text, request) => {
    const { cwd, module } = writeModule();
    const registry = new AcceleratorRegistry();
    registry.register(module);
    expect(await readRequest(text, cwd, registry)).toEqual(request);
  });

  it.each([
    ['./mod.mjs', '', undefined],
    ['./mod.mjs:dsa', ':dsa', undefined],
    ['./mod.mjs:dsa:depth=4', ':dsa', { depth: 4 }],
    ['./mod.mjs:dsa:software:depth=4', ':dsa:software', { depth: 4 }],
    ['./mod.mjs:depth=4', ':dsa', { depth: 4 }],
    ['./mod.mjs:wq0.0', ':dsa', { wq: ['wq0.0'] }],
    ['package:dsa:depth=4', ':dsa', { depth: 4 }],
    ['package:depth=4', ':dsa', { depth: 4 }],
    ['URL:dsa:software:depth=4', ':dsa:software', { depth: 4 }],
  ])('by module: %s', async (text, behind, settings) => {
    const { cwd, module } = writeModule();
    const installed = join(cwd, 'node_modules', 'package');
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{"type":"module","exports":"./mod.mjs"}');
    copyFileSync(fileURLToPath(module), join(installed, 'mod.mjs'));
    const url = text.startsWith('package') ? pathToFileURL(join(installed, 'mod.mjs')).href : module;
    const request = await readRequest(text.replace('URL', module), cwd, new AcceleratorRegistry());
    expect(request).toEqual({ asked: `${url}${behind}`, isOurs: false, settings });
  });

  it.each([
    ['dsa:depth=0', 'usage', /accelerator dsa: depth must be/],
    ['plain:depth=4', 'usage', /accelerator plain has no settings, got depth/],
    ['auto:depth=4', 'usage', /accelerator auto has no settings/],
    ['plain:sofware', 'accelerator-unavailable', /no accelerator or module is called "plain:sofware"/],
    ['./mod.mjs:dpeth=4', 'usage', /accelerator dsa has no setting dpeth/],
    ['./none.mjs:depth=4', 'accelerator-unavailable', /no module .*none\.mjs does not exist/],
  ])('%s is refused', async (text, code, message) => {
    const { cwd, module } = writeModule();
    const registry = new AcceleratorRegistry();
    registry.register(module);
    const choose = async () => {
      const { asked, settings } = await readRequest(text, cwd, registry);
      return registry.choose(asked, { settings });
    };
    await expect(choose()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
