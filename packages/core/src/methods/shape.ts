import { member } from '../member.js';
import { COMPRESSION_MASK, QEMU_METHODS } from '../wire/layout.js';
import type { MultiFDMethods } from './methods.js';

/** The value of `multifd-compression` that names no method: the source chooses one while it sends. */
export const AUTO = 'auto';

/** Of methods, and of their settings. */
const NAME = /^[a-z0-9][a-z0-9-]*$/;
const NAME_RULE = 'lower case letters, digits and "-"';

/** Whether a value has the shape of this contract, and a valid name and flag. */
export function isMultiFDMethods(value: unknown): value is MultiFDMethods {
  return faultOfMethod(value) === undefined;
}

/** The first breach of the contract, `MEMBER must be …`; undefined if none is visible from outside. */
export function faultOfMethod(value: unknown): string | undefined {
  if (member(value, 'specVersion') !== 1) return 'specVersion must be 1';
  const name = member(value, 'name');
  if (typeof name !== 'string' || !NAME.test(name) || name === AUTO) {
    return `name must be ${NAME_RULE}, and not ${AUTO}`;
  }
  const flag = member(value, 'flag');
  if (typeof flag !== 'number') return 'flag must be a number';
  const wrongFlag = faultOfFlag(flag, name);
  if (wrongFlag !== undefined) return wrongFlag;
  const missing = ['probe', 'sendSetup', 'recvSetup'].find((hook) => !isFunction(value, hook));
  if (missing !== undefined) return `${missing} must be a function`;
  const settings = member(value, 'settings') ?? [];
  if (!Array.isArray(settings)) return 'settings must be an array, if it is there';
  const faults = settings.map((each, index) => [index, faultOfSetting(each)]);
  const fault = faults.find(([, what]) => what !== undefined);
  return fault === undefined ? undefined : `settings[${fault[0]}].${fault[1]}`;
}

/** Whether it has a function of this name. */
export function isFunction(value: unknown, name: string): boolean {
  return typeof member(value, name) === 'function';
}

/** Only QEMU's methods have QEMU's flags: no other method can be mistaken for one. */
function faultOfFlag(flag: number, name: string): string | undefined {
  const qemus = [...QEMU_METHODS].find(([, each]) => each === name)?.[0];
  if (qemus !== undefined) {
    return flag === qemus ? undefined : `flag must be ${hex(qemus)}, which QEMU has for ${name}`;
  }
  if (flag > 0 && (flag & ~COMPRESSION_MASK) === 0 && !QEMU_METHODS.has(flag)) return undefined;
  return `flag must be at least two of the bits of ${hex(COMPRESSION_MASK)}, and is ${Number.isInteger(flag) ? hex(flag) : flag}`;
}

function hex(flag: number): string {
  return flag < 0 ? `${flag}` : `0x${flag.toString(16).padStart(2, '0')}`;
}

function faultOfSetting(value: unknown): string | undefined {
  const name = member(value, 'name');
  if (typeof name !== 'string' || !NAME.test(name)) return `name must be ${NAME_RULE}`;
  if (typeof member(value, 'help') !== 'string') return 'help must be a text';
  const [least, usual, most] = ['least', 'usual', 'most'].map((each) => member(value, each));
  if (!isWhole(least)) return 'least must be a whole number';
  if (!isWhole(usual) || usual < least) return 'usual must be a whole number, at least `least`';
  if (!isWhole(most) || most < usual) return 'most must be a whole number, at least `usual`';
  return undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
