import { allowedBy, MultifdError, type Setting, type Settings, type SettingValues } from '@multifd/core';
import { completeSettings, unknownSetting } from '@multifd/core/accelerator';
import { quote } from '../options/sizes.js';
import { didYouMean } from '../options/suggest.js';

/** Whether `text` behind an accelerator's name can only be meant as its settings. */
export function isSettings(text: string, declared: Settings): boolean {
  return text.includes('=') || positionalOf(declared) !== undefined;
}

/**
 * Reads `key=value,key=value`. Items without `=` are for the setting that is positional. As in QEMU's options a comma
 * in a value is written twice; a list has its key once for each item.
 * @param who the accelerator, for messages: `accelerator dsa`.
 * @param listing the command that shows its settings.
 * @throws MultifdError `usage` that names the setting and says what is allowed.
 */
export function parseSettings(
  text: string,
  who: string,
  declared: Settings,
  listing = 'multifd accel list',
): SettingValues {
  // What an accelerator without settings is told, core refuses: it knows how such a module came about.
  const isOpen = Object.keys(declared).length === 0;
  const values = new Map<string, string | number | boolean | readonly string[]>();
  for (const item of splitItems(text)) {
    const [key, value] = readItem(item, who, declared, isOpen);
    const setting = Object.hasOwn(declared, key) ? declared[key] : undefined;
    if (setting === undefined && !isOpen) {
      const known = Object.keys(declared);
      throw unknownSetting(who, key, declared, didYouMean(key, known, `${listing} shows them`));
    }
    const before = values.get(key);
    if (setting?.type === 'list') {
      values.set(key, [...(typeof before === 'object' ? before : []), value]);
      continue;
    }
    if (before !== undefined) throw new MultifdError('usage', `${who}: ${key} is given twice`);
    values.set(key, setting === undefined ? value : typed(value, who, key, setting));
  }
  const given = Object.fromEntries(values);
  if (!isOpen) completeSettings(who, declared, given);
  return given;
}

/** The key of the setting that takes items without one. */
export function positionalOf(declared: Settings): string | undefined {
  const found = Object.entries(declared).find(([, setting]) => setting.type === 'list' && setting.positional);
  return found?.[0];
}

function splitItems(text: string): readonly string[] {
  // NUL cannot be on a command line.
  return text
    .replaceAll(',,', '\0')
    .split(',')
    .map((item) => item.replaceAll('\0', ','));
}

function readItem(item: string, who: string, declared: Settings, isOpen: boolean): readonly [string, string] {
  const at = item.indexOf('=');
  if (at > 0) return [item.slice(0, at), item.slice(at + 1)];
  const positional = positionalOf(declared);
  if (at < 0 && item !== '' && positional !== undefined) return [positional, item];
  if (at < 0 && item !== '' && isOpen) return [item, ''];
  const keys = Object.keys(declared);
  throw new MultifdError('usage', `${who}: ${quote(item)} is no setting: write key=value`, {
    hint: didYouMean(item, keys, `its settings: ${keys.join(', ')}`),
  });
}

function typed(value: string, who: string, key: string, setting: Setting): string | number | boolean {
  const read = reader[setting.type](value);
  if (read !== undefined) return read;
  throw new MultifdError('usage', `${who}: ${key} must be ${allowedBy(setting)}, is ${quote(value)}`);
}

const SWITCHES: Readonly<Record<string, boolean>> = { on: true, true: true, off: false, false: false };

const reader: Readonly<Record<Setting['type'], (value: string) => string | number | boolean | undefined>> = {
  text: (value) => value,
  choice: (value) => value,
  list: (value) => value,
  number: (value) => (/^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined),
  boolean: (value) => (Object.hasOwn(SWITCHES, value) ? SWITCHES[value] : undefined),
};
