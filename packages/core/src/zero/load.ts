import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import type { AcceleratorReference } from './accelerator.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator } from './accelerator.js';
import { completeSettings, type SettingValues } from './settings.js';
import { faultOf, isAccelerator } from './shape.js';
import { currentAccelerator, isOfVersion1 } from './version1.js';

/**
 * Imports one accelerator in this thread.
 * @throws MultifdError `accelerator-unavailable` if the module cannot be loaded or has no accelerator of that name.
 */
export async function loadAccelerator(reference: AcceleratorReference): Promise<Accelerator> {
  const found = (await loadAccelerators(reference.module)).find((each) => each.name === reference.name);
  if (found !== undefined) return found;
  throw new MultifdError(
    'accelerator-unavailable',
    `${reference.module} has no accelerator called ${reference.name}`,
  );
}

/**
 * Imports a module's accelerators.
 * @throws MultifdError `accelerator-unavailable` if it cannot be loaded in time, or its exports break the contract.
 */
export async function loadAccelerators(module: string): Promise<readonly Accelerator[]> {
  const list = await loadExport(module, 'accelerators', 'accelerator-unavailable');
  if (!Array.isArray(list) || list.length === 0) throw unfit(module, 'no such array, or an empty one');
  try {
    if (list.every(isAccelerator)) return list.map(currentAccelerator);
    const faults = list.map((each, index) => [`[${index}]`, faultOf(each)]);
    throw unfit(module, faults.find(([, fault]) => fault !== undefined)?.join(': ') ?? 'it changes');
  } catch (cause) {
    // A getter may throw.
    throw MultifdError.from(cause, 'accelerator-unavailable', `cannot load module ${module}`);
  }
}

/**
 * What an accelerator is told: `given`, checked, and its defaults.
 * @throws MultifdError `usage` that names the setting and says what is allowed.
 */
export function settingsFor(accelerator: Accelerator, given: SettingValues | undefined): SettingValues {
  const who = `accelerator ${accelerator.name}`;
  if (isOfVersion1(accelerator) && given !== undefined && Object.keys(given).length > 0) {
    throw new MultifdError(
      'usage',
      `${who} is of contract version 1, which has no settings, got ${Object.keys(given).join(', ')}`,
      { hint: 'its author moves it to version 2: docs/writing-an-accelerator.md, "Moving from version 1"' },
    );
  }
  return completeSettings(who, accelerator.settings ?? {}, given);
}

function unfit(module: string, fault: string): MultifdError {
  return new MultifdError(
    'accelerator-unavailable',
    `${module} does not export accelerators: readonly Accelerator[] of contract version ${ACCELERATOR_SPEC_VERSION} or 1: ${fault}`,
  );
}
