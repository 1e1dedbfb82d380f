import { MultifdError, machineCompat } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  compatNote,
  parseMachineCompat,
  tellCompat,
  withCompatHint,
} from '../../src/options/machine-compat.js';

const OLD = { multifdFlushAfterEachSection: true, zeroPageDetection: 'legacy' };
const NEW = { multifdFlushAfterEachSection: false, zeroPageDetection: 'multifd' };

describe('--machine-compat', () => {
  it.each([
    ['7.2', OLD],
    ['pc-q35-7.2', OLD],
    ['s390-ccw-virtio-8.0', OLD],
    ['8.2', { ...NEW, zeroPageDetection: 'legacy' }],
    // Explicit too: it wins against an older machine type.
    ['10.0', NEW],
    ['virt-9.0', NEW],
  ])('%s', (text, compat) => expect(parseMachineCompat(text)).toEqual(compat));

  it.each(['', '7', 'q35', 'rhel9.2.0', 'pc-q35-rhel9.2.0', '7.2.x', '-7.2-'])('refuses %j', (text) => {
    expect(() => parseMachineCompat(text)).toThrow(MultifdError);
  });
});

describe('the line about a machine type', () => {
  const note = (machineType: string, given = {}): string | undefined =>
    compatNote(machineType, machineCompat(machineType), given);

  it('says what it has decided', () => {
    expect(note('pc-q35-7.2')).toBe(
      'machine type pc-q35-7.2: sync with each section, zero pages on the main stream (--zero-page-detection legacy); --machine-compat VERSION says otherwise',
    );
    expect(note('virt-8.2')).toMatch(/^machine type virt-8\.2: zero pages on the main stream /);
    expect(note('virt-8.0', { zeroPageDetection: 'multifd' })).toMatch(/: sync with each section; /);
  });

  it('says what it wants where the options contradict it', () => {
    expect(note('pc-q35-7.2', parseMachineCompat('10.0'))).toBe(
      'machine type pc-q35-7.2: it wants a sync with each section and zero pages on the main stream (--zero-page-detection legacy), and the options say otherwise (--machine-compat): a QEMU may hang on that, or miss pages',
    );
    expect(note('pc-q35-10.0', parseMachineCompat('7.2'))).toMatch(/it wants no sync with each section, /);
    expect(note('pc-q35-8.2', parseMachineCompat('10.0'))).toMatch(/it wants zero pages on the main stream/);
    // A newer QEMU takes them there, too.
    expect(note('pc-q35-10.0', parseMachineCompat('8.2'))).toBeUndefined();
  });

  it('is told once, and its hint goes before that of a destination that says nothing', () => {
    const lines: string[] = [];
    const contradiction = tellCompat('pc-q35-7.2', parseMachineCompat('10.0'), (line) => lines.push(line));
    expect(lines).toEqual([note('pc-q35-7.2', parseMachineCompat('10.0'))]);
    expect(contradiction).toMatch(
      /^the options contradict machine type pc-q35-7\.2: leave out --machine-compat /,
    );
    for (const code of ['peer-closed', 'timeout'] as const) {
      const error = new MultifdError(code, 'it is gone', { hint: 'see there', guest: 'source' });
      expect(withCompatHint(error, contradiction)).toMatchObject({
        code,
        message: 'it is gone',
        hint: `${contradiction}; see there`,
        guest: 'source',
      });
      expect(withCompatHint(error, undefined)).toBe(error);
    }
    for (const error of [
      new MultifdError('cancelled', 'cancelled'),
      new MultifdError('peer-closed', 'the destination says: no'),
      new Error('ours'),
      undefined,
    ])
      expect(withCompatHint(error, contradiction)).toBe(error);
    expect(tellCompat('pc-q35-7.2', {}, () => {})).toBeUndefined();
    expect(tellCompat('none', parseMachineCompat('7.2'), () => {})).toBeUndefined();
  });

  it('is not there where it decides nothing', () => {
    expect(note('pc-q35-10.0')).toBeUndefined();
    expect(note('none')).toBeUndefined();
    expect(note('virt-7.2', parseMachineCompat('7.2'))).toBeUndefined();
  });
});
