import { type AcceleratorDevice, allowedBy, type Setting, type Settings } from '@multifd/core';
import { plain } from './format.js';

/** A setting of an accelerator, as it declares it. */
export type SettingMember = { readonly key: string; readonly allowed: string } & Setting;

/** A device of an accelerator. Null: not known, or nothing to mend. */
export interface DeviceMember {
  readonly id: string;
  readonly what: string;
  readonly 'numa-node': number | null;
  readonly 'queue-depth': number | null;
  readonly mode: string | null;
  readonly usable: boolean;
  readonly reason: string | null;
  readonly fix: string | null;
}

export function settingMembers(settings: Settings): readonly SettingMember[] {
  return Object.entries(settings).map(([key, setting]) => ({ key, allowed: allowedBy(setting), ...setting }));
}

export function deviceMembers(devices: readonly AcceleratorDevice[]): readonly DeviceMember[] {
  return devices.map((device) => ({
    id: device.id,
    what: device.what,
    'numa-node': device.numaNode ?? null,
    'queue-depth': device.queueDepth ?? null,
    mode: device.mode ?? null,
    usable: device.usable,
    reason: device.usable ? null : device.reason,
    fix: device.usable ? null : device.fix,
  }));
}

/** `depth=N: …` for each, and the one that needs no key as it is written. */
export function settingLines(settings: readonly SettingMember[]): readonly string[] {
  return settings.map((setting) => {
    const key = setting.type === 'list' && setting.positional ? `[${setting.key}=]` : `${setting.key}=`;
    return `${key} ${plain(setting.allowed)} (default: ${plain(defaultText(setting))}): ${plain(setting.help)}`;
  });
}

function defaultText(setting: Setting): string {
  if (setting.type === 'list') return setting.default.length === 0 ? 'none' : setting.default.join(',');
  if (setting.type === 'boolean') return setting.default ? 'on' : 'off';
  return setting.default === '' ? 'none' : `${setting.default}`;
}

/** One line for each, and one more with what would make it usable. */
export function deviceLines(devices: readonly DeviceMember[]): readonly string[] {
  return devices.flatMap((device) => {
    const facts = [
      plain(device.what),
      ...(device.mode === null ? [] : [plain(device.mode)]),
      ...(device['queue-depth'] === null ? [] : [`queue depth ${device['queue-depth']}`]),
      ...(device['numa-node'] === null ? [] : [`NUMA node ${device['numa-node']}`]),
    ];
    const state = device.usable ? 'usable' : `not usable: ${plain(device.reason ?? '')}`;
    const line = `device ${plain(device.id)}: ${facts.join(', ')}; ${state}`;
    return device.fix === null ? [line] : [line, `  ${plain(device.fix)}`];
  });
}
