import assert from 'node:assert/strict';
import { faultOfDevices, faultOfSettings, type Setting, type SettingValue } from '@multifd/core/accelerator';
import { inTime } from '../../in-time.js';
import { oneLine } from '../../one-line.js';
import { type AcceleratorCase, type CaseContext, defineCase } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { withSubject } from '../subject.js';

/** What users can tell it, and what it tells them of its devices: also asked of one that cannot run here. */
export const toldCases: readonly AcceleratorCase[] = [
  always('its settings are declared as the contract says', async ({ accelerator }) => {
    assert.equal(faultOfSettings(accelerator.settings), undefined);
  }),
  always('probe answers whatever its settings allow', probedWith),
  defineCase('right answers whatever its settings allow', openedWith),
  always('list says what there is, and of what cannot be used why not and what to do', listed),
];

function always(name: string, run: (context: CaseContext) => Promise<void>): AcceleratorCase {
  return { name, random: false, skipped: () => undefined, run };
}

async function probedWith({ accelerator, settings, timeout }: CaseContext): Promise<void> {
  for (const [key, value] of valuesToTry(accelerator.settings ?? {})) {
    const told = { ...settings, [key]: value };
    const probe = await inTime(accelerator.probe(told), timeout, `probe with ${key}=${value}`);
    if (probe.ok) oneLine('detail', probe.detail);
    else {
      oneLine('reason', probe.reason);
      oneLine('fix', probe.fix);
    }
  }
}

/** One setting at a time. What this machine does not have, its probe has said. */
async function openedWith(context: CaseContext): Promise<void> {
  const { accelerator, pageSize, timeout } = context;
  const memory = sharedPages(3, pageSize);
  memory[2 * pageSize - 1] = 1;
  for (const [key, value] of valuesToTry(accelerator.settings ?? {})) {
    const settings = { ...context.settings, [key]: value };
    if (!(await inTime(accelerator.probe(settings), timeout, 'probe')).ok) continue;
    await withSubject({ ...context, settings }, async (subject) => {
      assertAnswers(
        await subject.detect(memory, pageOffsets(3, pageSize)),
        [1, 0, 1],
        (page) => `with ${key}=${value}, page ${page}`,
      );
    });
  }
}

/** The ends of what each setting allows. Of texts and lists only its author knows any but the default. */
function valuesToTry(settings: Readonly<Record<string, Setting>>): readonly [string, SettingValue][] {
  return Object.entries(settings).flatMap(([key, setting]) =>
    endsOf(setting).map((value): [string, SettingValue] => [key, value]),
  );
}

function endsOf(setting: Setting): readonly SettingValue[] {
  switch (setting.type) {
    case 'number':
      return [...new Set([setting.min ?? setting.default, setting.default, setting.max ?? setting.default])];
    case 'boolean':
      return [false, true];
    case 'choice':
      return setting.choices;
    case 'text':
    case 'list':
      return [setting.default];
  }
}

async function listed({ accelerator, timeout }: CaseContext): Promise<void> {
  // Twice: looking at a device must not take it away.
  for (let round = 0; round < 2; round++) {
    const devices = await inTime(accelerator.list?.() ?? [], timeout, 'list');
    assert.equal(faultOfDevices(devices), undefined);
  }
}
