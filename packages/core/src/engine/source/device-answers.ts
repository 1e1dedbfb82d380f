import { MultifdError } from '../../errors.js';
import { isBytes, kindOf, shown } from '../../given.js';
import { sameBytes } from '../../wire/bytes.js';
import { RAM_IDSTR } from '../../wire/layout.js';
import { endOfSections } from '../../wire/main/end-of-sections.js';
import type { DeviceSection } from '../../wire/main/records.js';
import { REPORT_SECTION } from '../../wire/return-path.js';
import { isName, NAME_RULE, quote } from '../../wire/text.js';
import type { RawDeviceState } from '../api.js';

const MAX_U32 = 0xffff_ffff;
/** Names that have a meaning of their own in the stream: a device with one of them would not arrive. */
const RESERVED: readonly string[] = [RAM_IDSTR, REPORT_SECTION];
/** The reader of early sections knows the next one by this (docs/wire.md, 6.1). */
const BEGINS_PRINTABLE = /^[\x21-\x7e]/;

type When = 'setup' | 'stopped';

/**
 * Checks what the guest's `deviceState` callback returns. What does not fit the wire would arrive as something else or not
 * at all, with both ends `completed`. So each answer is checked when it is given: before the guest is handed over.
 */
export class DeviceAnswers {
  /** What `setup` showed, by device. */
  readonly #shown = new Map<string, DeviceSection>();

  /** @returns copies of the early sections. @throws MultifdError `guest` naming device and field. */
  atSetup(answer: unknown): readonly DeviceSection[] {
    const sections = readSections(answer, 'setup');
    for (const section of sections) this.#shown.set(nameOf(section), section);
    return sections.filter(({ early }) => early === true);
  }

  /**
   * @returns copies of the sections that are not early.
   * @throws MultifdError `guest` naming device and field, also for a device that would be left out.
   */
  whenStopped(answer: unknown): readonly DeviceSection[] {
    const sections = readSections(answer, 'stopped');
    const given = new Set(sections.map(nameOf));
    for (const section of sections) this.#checkTime(section);
    for (const [name, { early }] of this.#shown) {
      if (early === true || given.has(name)) continue;
      throw refuse('stopped', name, 'was there at setup, and is not any more', {
        hint: 'return it once the guest is stopped, or mark it early: what is not early is sent then',
      });
    }
    return sections.filter(({ early }) => early !== true);
  }

  #checkTime(section: DeviceSection): void {
    const name = nameOf(section);
    const first = this.#shown.get(name);
    if (section.early !== true) {
      if (first?.early === true) throw refuse('stopped', name, 'was sent at setup, as an early one');
      return;
    }
    if (first?.early !== true) {
      throw refuse(
        'stopped',
        name,
        'is early and comes too late: early sections are sent before the first round',
        {
          hint: 'return it at setup, or without early',
        },
      );
    }
    if (first.versionId === section.versionId && sameBytes(first.body, section.body)) return;
    throw refuse('stopped', name, 'is early, and not what was sent at setup any more', {
      hint: 'early state must not change once it was read: leave early out',
    });
  }
}

/**
 * Checks what the guest's `rawDeviceState` callback returned. The bytes stay the caller's, so they may have changed when
 * they are sent: check again then.
 * @throws MultifdError `guest`.
 */
export function readRawDeviceState(answer: unknown): RawDeviceState | undefined {
  if (answer === undefined) return undefined;
  const refuseRaw = (what: string): MultifdError =>
    new MultifdError('guest', `the guest's rawDeviceState callback: ${what}`, {
      hint: 'give what ReceiveResult.rawDeviceState was, unchanged',
    });
  if (typeof answer !== 'object' || answer === null) throw refuseRaw(`returned ${kindOf(answer)}`);
  const read = (field: string): Uint8Array => {
    const bytes: unknown = Reflect.get(answer, field);
    if (isBytes(bytes)) return bytes;
    throw refuseRaw(`${field} must be a Uint8Array, is ${kindOf(bytes)}`);
  };
  const raw = {
    ...(Reflect.get(answer, 'beforeRam') === undefined ? {} : { beforeRam: read('beforeRam') }),
    early: read('early'),
    bytes: read('bytes'),
  };
  if (endOfSections(raw.bytes) !== undefined) return raw;
  throw refuseRaw(
    `bytes (${raw.bytes.length}) do not end with the end of sections, or a description behind it`,
  );
}

function readSections(answer: unknown, when: When): DeviceSection[] {
  if (!Array.isArray(answer)) {
    throw new MultifdError(
      'guest',
      `the guest's deviceState callback (${when}) must return an array of sections, returned ${kindOf(answer)}`,
    );
  }
  const sections = Array.from(answer, (section: unknown, index) => readSection(section, index, when));
  const seen = new Set<string>();
  for (const section of sections) {
    const name = nameOf(section);
    if (seen.has(name))
      throw refuse(when, name, 'comes twice: each instance of a device has its own instanceId');
    seen.add(name);
  }
  return sections;
}

function readSection(section: unknown, index: number, when: When): DeviceSection {
  if (typeof section !== 'object' || section === null)
    throw refuse(when, `number ${index}`, `must be an object, is ${kindOf(section)}`);
  const idstr: unknown = Reflect.get(section, 'idstr');
  if (!isName(idstr)) throw refuse(when, `number ${index}`, `idstr must be ${NAME_RULE}, is ${shown(idstr)}`);
  const device = quote(idstr);
  if (RESERVED.includes(idstr)) throw refuse(when, device, 'idstr is taken by the stream itself');
  const number = (field: string): number => {
    const value: unknown = Reflect.get(section, field);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_U32) return value;
    throw refuse(when, device, `${field} must be a whole number from 0 to ${MAX_U32}, is ${shown(value)}`);
  };
  const flag = (field: string): boolean => {
    const value: unknown = Reflect.get(section, field);
    if (value === undefined || typeof value === 'boolean') return value === true;
    throw refuse(when, device, `${field} must be true or absent, is ${shown(value)}`);
  };
  const instanceId = number('instanceId');
  const versionId = number('versionId');
  const body: unknown = Reflect.get(section, 'body');
  if (!isBytes(body)) throw refuse(when, device, `body must be a Uint8Array, is ${kindOf(body)}`);
  const [early, beforeRam] = [flag('early'), flag('beforeRam')];
  if (beforeRam && !early) throw refuse(when, device, 'beforeRam is for early sections only');
  if (early && !BEGINS_PRINTABLE.test(idstr))
    throw refuse(when, device, 'idstr of an early section must begin with a printable ASCII character');
  return {
    idstr,
    instanceId,
    versionId,
    // Of its own, so that posting it copies no more than this.
    body: new Uint8Array(body),
    ...(early ? { early } : {}),
    ...(beforeRam ? { beforeRam } : {}),
  };
}

function nameOf({ idstr, instanceId }: DeviceSection): string {
  return `${quoteWhole(idstr)} ${instanceId}`;
}

/** Not cut, as `quote` does: two long names must not look the same. */
function quoteWhole(idstr: string): string {
  return JSON.stringify(idstr);
}

function refuse(when: When, device: string, what: string, options: { hint?: string } = {}): MultifdError {
  return new MultifdError(
    'guest',
    `the guest's deviceState callback (${when}): device ${device}: ${what}`,
    options,
  );
}
