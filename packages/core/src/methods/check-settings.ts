import { MultifdError } from '../errors.js';
import { shown } from '../given.js';
import type { MethodOptions, MultiFDMethods } from './methods.js';

/**
 * Checks what a program has set for methods. A method that declares no settings may read any.
 * @param methods those of its modules.
 * @throws MultifdError `usage` for a name that none of them can have meant, or a value out of the declared range.
 */
export function checkSettings(settings: MethodOptions['settings'], methods: readonly MultiFDMethods[]): void {
  const declared = methods.flatMap((method) => method.settings ?? []);
  const isOpen = methods.some((method) => method.name !== 'none' && method.settings === undefined);
  for (const [name, value] of Object.entries(settings)) {
    const setting = declared.find((each) => each.name === name);
    if (setting === undefined && isOpen) continue;
    if (setting === undefined) {
      const known = declared.map((each) => each.name).join(', ') || 'none';
      throw new MultifdError(
        'usage',
        `methodSettings: no method of methodModules has a setting ${name}; known here: ${known}`,
      );
    }
    const { least, most } = setting;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) continue;
    throw new MultifdError(
      'usage',
      `methodSettings: ${name} must be a whole number from ${least} to ${most}, is ${shown(value)}`,
    );
  }
}
