import { MultifdError } from '../errors.js';
import { shown } from '../given.js';
import { member } from '../member.js';

/** What an accelerator can be told, each by its key: lower case letters, digits and `-`. */
export type Settings = Readonly<Record<string, Setting>>;

/** One thing that an accelerator can be told. `help`: one line. */
export type Setting = TextSetting | NumberSetting | BooleanSetting | ChoiceSetting | ListSetting;

export interface TextSetting {
  readonly type: 'text';
  readonly default: string;
  readonly help: string;
}

/** Any number from `min` to `max`; without them, any. Whole numbers only, unless `fraction`. */
export interface NumberSetting {
  readonly type: 'number';
  readonly min?: number;
  readonly max?: number;
  readonly fraction?: true;
  readonly default: number;
  readonly help: string;
}

export interface BooleanSetting {
  readonly type: 'boolean';
  readonly default: boolean;
  readonly help: string;
}

/** One of `choices`. */
export interface ChoiceSetting {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
  readonly help: string;
}

/** `min` to `max` texts, none of them empty; with `choices`, each of them one of these. */
export interface ListSetting {
  readonly type: 'list';
  /** The command gives it what has no `key=`: `--accel dsa:wq0.0,wq1.0`. One setting of an accelerator at most. */
  readonly positional?: true;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  readonly default: readonly string[];
  readonly help: string;
}

export type SettingValue = string | number | boolean | readonly string[];

/** Values by their keys. */
export type SettingValues = Readonly<Record<string, SettingValue>>;

/** The values of an accelerator's settings, each with its type: `ValuesOf<typeof settings>`. */
export type ValuesOf<S extends Settings> = { readonly [Key in keyof S]: ValueOf<S[Key]> };

/** The value of one setting. */
export type ValueOf<S extends Setting> = S extends { readonly type: 'number' }
  ? number
  : S extends { readonly type: 'boolean' }
    ? boolean
    : S extends { readonly type: 'list' }
      ? readonly string[]
      : S extends { readonly type: 'choice'; readonly choices: readonly (infer Choice)[] }
        ? Choice
        : string;

/**
 * Checks what a caller has set, and completes it with the defaults.
 * @param who the accelerator, for messages: `accelerator dsa`.
 * @throws MultifdError `usage` that names the setting and says what is allowed.
 */
export function completeSettings(
  who: string,
  declared: Settings,
  given: SettingValues | undefined,
): SettingValues {
  const values: Record<string, SettingValue> = {};
  for (const [key, setting] of Object.entries(declared)) values[key] = setting.default;
  for (const [key, value] of Object.entries(given ?? {})) {
    const setting = Object.hasOwn(declared, key) ? declared[key] : undefined;
    if (setting === undefined) throw unknownSetting(who, key, declared);
    const allowed = refusal(setting, value);
    if (allowed !== undefined) {
      throw new MultifdError('usage', `${who}: ${key} must be ${allowed}, is ${shownValue(value)}`);
    }
    values[key] = value;
  }
  return values;
}

/** The error for a key that the accelerator does not have. @param hint what may have been meant. */
export function unknownSetting(who: string, key: string, declared: Settings, hint?: string): MultifdError {
  const known = Object.keys(declared).join(', ');
  const what =
    known === '' ? `${who} has no settings, got ${key}` : `${who} has no setting ${key}; it has ${known}`;
  return new MultifdError('usage', what, hint === undefined ? {} : { hint });
}

/** What a setting allows, for messages and lists: `a whole number from 1 to 128`. */
export function allowedBy(setting: Setting): string {
  switch (setting.type) {
    case 'text':
      return 'text';
    case 'number':
      return `a ${setting.fraction ? '' : 'whole '}number${range(setting)}`;
    case 'boolean':
      return 'on or off';
    case 'choice':
      return `one of ${setting.choices.join(', ')}`;
    case 'list': {
      const items =
        setting.choices === undefined ? '' : `, each of them one of ${setting.choices.join(', ')}`;
      return `a list${length(setting)}${items === '' ? ', none of them empty' : items}`;
    }
  }
}

/** Whether `value` is what a caller may hand over as settings at all: plain values by their keys. */
export function isSettingValues(value: unknown): value is SettingValues {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(
      (each) => ['string', 'number', 'boolean'].includes(typeof each) || isTexts(each),
    )
  );
}

/** The first breach of the contract in what an accelerator declares; undefined if there is none. */
export function faultOfSettings(settings: unknown): string | undefined {
  if (settings === undefined) return undefined;
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return 'settings must be an object, if it is there';
  }
  let positional = 0;
  for (const [key, setting] of Object.entries(settings)) {
    if (!/^[a-z][a-z0-9-]*$/.test(key))
      return `settings: the key ${shown(key)} is not lower case letters, digits and "-"`;
    if (!isSetting(setting)) {
      return `settings.${key} must be { type, default, help } of type text, number, boolean, choice or list`;
    }
    if (setting.help.trim() === '' || /[\r\n]/.test(setting.help))
      return `settings.${key}.help must be one line`;
    const allowed = refusal(setting, setting.default);
    if (allowed !== undefined) return `settings.${key}.default must be ${allowed}`;
    if (setting.type === 'list' && setting.positional) positional++;
  }
  return positional > 1 ? 'settings: only one may be positional' : undefined;
}

function isSetting(value: unknown): value is Setting {
  const type = member(value, 'type');
  if (typeof member(value, 'help') !== 'string') return false;
  const isNumber = (name: string): boolean => ['undefined', 'number'].includes(typeof member(value, name));
  const isFlag = (name: string): boolean => [undefined, true].some((each) => member(value, name) === each);
  const choices = member(value, 'choices');
  switch (type) {
    case 'text':
    case 'boolean':
      return true;
    case 'number':
      return isNumber('min') && isNumber('max') && isFlag('fraction');
    case 'choice':
      return isTexts(choices) && choices.length > 0;
    case 'list':
      return (
        isNumber('min') &&
        isNumber('max') &&
        isFlag('positional') &&
        (choices === undefined || isTexts(choices))
      );
    default:
      return false;
  }
}

/** What is allowed; undefined if `value` is. */
function refusal(setting: Setting, value: unknown): string | undefined {
  return isAllowed(setting, value) ? undefined : allowedBy(setting);
}

function isAllowed(setting: Setting, value: unknown): boolean {
  switch (setting.type) {
    case 'text':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'number':
      return (
        typeof value === 'number' &&
        Number.isFinite(value) &&
        (setting.fraction === true || Number.isInteger(value)) &&
        isWithin(setting, value)
      );
    case 'choice':
      return typeof value === 'string' && setting.choices.includes(value);
    case 'list':
      return (
        isTexts(value) &&
        isWithin(setting, value.length) &&
        value.every((item) => item !== '' && (setting.choices?.includes(item) ?? true))
      );
  }
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

function isWithin({ min, max }: Range, value: number): boolean {
  return value >= (min ?? Number.NEGATIVE_INFINITY) && value <= (max ?? Number.POSITIVE_INFINITY);
}

function range({ min, max }: Range): string {
  const from = min === undefined ? '' : ` from ${min}`;
  return max === undefined ? `${from}${from === '' ? '' : ' on'}` : `${from} to ${max}`;
}

/** How many items: ` of 1 to 4`, ` of at most 4`. */
function length({ min = 0, max }: Range): string {
  if (max === undefined) return min === 0 ? '' : ` of at least ${min}`;
  return min === 0 ? ` of at most ${max}` : ` of ${min} to ${max}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function shownValue(value: SettingValue): string {
  return typeof value === 'object' ? `[${value.map(shown).join(', ')}]` : shown(value);
}
