import type { DeviceSection, Guest } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';
import { altered } from '../support/untyped.js';

type When = 'setup' | 'stopped';

const body = Uint8Array.of(1, 2, 3);
const good: DeviceSection = { idstr: 'good', instanceId: 0, versionId: 1, body };
const early: DeviceSection = { ...good, idstr: 'memory', early: true };
const blocks = [{ name: 'pc.ram', length: MIB }];
const seed = testSeed();

/** A live guest that says what is done to it. */
function guestWith(more: Partial<Guest>): { readonly guest: Guest; readonly calls: string[] } {
  const calls: string[] = [];
  const guest = {
    ram: createGuestRam({ seed, blocks, live: true }),
    stop: () => void calls.push('stop'),
    resume: () => void calls.push('resume'),
    ...more,
  };
  return { guest, calls };
}

const only =
  (when: When, ...sections: readonly DeviceSection[]) =>
  (now: When): readonly DeviceSection[] =>
    now === when ? sections : [];

/** What a section must not be. */
const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['instanceId', -1, /device "good": instanceId must be a whole number from 0 to 4294967295, is -1/],
  ['instanceId', 1.5, /instanceId .* is 1.5/],
  ['instanceId', '0', /instanceId .* is "0"/],
  ['instanceId', undefined, /instanceId .* is undefined/],
  ['versionId', 2 ** 33, /device "good": versionId .* is 8589934592/],
  ['versionId', Number.NaN, /versionId .* is NaN/],
  ['body', 'abc', /device "good": body must be a Uint8Array, is a string/],
  ['body', new ArrayBuffer(3), /body must be a Uint8Array, is an object \(ArrayBuffer\)/],
  ['body', [1, 2], /body must be a Uint8Array, is an object \(Array\)/],
  ['idstr', '', /device number 0: idstr must be 1 to 255 bytes of UTF-8 without NUL, is ""/],
  ['idstr', 'x'.repeat(300), /device number 0: idstr must be 1 to 255 bytes/],
  ['idstr', 'a\0b', /device number 0: idstr must be/],
  // Half a pair arrives as another name, which the description does not have.
  ['idstr', 'disk\ud800', /device number 0: idstr must be/],
  ['idstr', 7, /device number 0: idstr must be/],
  // Names that mean something else to the destination.
  ['idstr', 'ram', /device "ram": idstr is taken/],
  ['idstr', 'multifd/report', /device "multifd\/report": idstr is taken/],
  ['early', 'yes', /device "good": early must be true or absent, is "yes"/],
  ['beforeRam', true, /device "good": beforeRam is for early sections only/],
];

/** The guest runs on at the source, the source says so, and the destination has no guest. */
async function refused(more: Partial<Guest>, when: When, says: RegExp): Promise<void> {
  const { guest, calls } = guestWith(more);
  // One that ends before its main stream has come to RAM was no source yet: the destination waits on.
  const { sent, received } = await tryToMove({ guest, waitsOn: when === 'setup' });
  const error = expectFailure(sent, 'guest', says);
  expect(error.guest).toBe('source');
  expect(error.hint).not.toMatch(/both/);
  expectFailure(received, when === 'setup' ? 'cancelled' : 'peer-closed');
  expect(calls).toEqual(when === 'setup' ? [] : ['stop', 'resume']);
}

describe.each(['setup', 'stopped'] as const)('a section that deviceState returns, %s', (when) => {
  // The same code checks both: a few are enough to see that it does.
  it.each(when === 'setup' ? wrong.slice(0, 4) : wrong)(
    'with %s %j is refused, and the guest stays',
    async (field, value, says) => {
      const other = { ...good, idstr: 'other' };
      await refused({ deviceState: only(when, altered(good, field, value), other) }, when, says);
    },
  );

  it.each([undefined, null, 'good', { 0: good }])('is one of an array, not of %j', async (answer) => {
    const deviceState = (now: When): unknown => (now === when ? answer : []);
    const says = /deviceState callback \((setup|stopped)\) must return an array of sections/;
    await refused(altered({}, 'deviceState', deviceState), when, says);
  });

  it('is there once', async () => {
    const says = /device "good" 0: comes twice/;
    await refused({ deviceState: only(when, good, { ...good, body: Uint8Array.of(4) }) }, when, says);
  });

  it('is an object', async () => {
    const deviceState = (now: When): unknown => (now === when ? [good, null] : []);
    await refused(
      altered({}, 'deviceState', deviceState),
      when,
      /device number 1: must be an object, is null/,
    );
  });
});

describe('state that would be left out', () => {
  it('an early section that comes when the guest is stopped', async () => {
    const says = /\(stopped\): device "memory" 0: is early and comes too late/;
    await refused({ deviceState: only('stopped', early) }, 'stopped', says);
  });

  it('an early section that has changed since setup', async () => {
    const deviceState = (when: When) => [
      { ...early, body: when === 'setup' ? body : Uint8Array.of(1, 2, 4) },
    ];
    await refused({ deviceState }, 'stopped', /device "memory" 0: is early, and not what was sent at setup/);
  });

  it('a section that was sent early and comes again as a late one', async () => {
    const deviceState = (when: When) => [when === 'setup' ? early : { ...good, idstr: 'memory' }];
    await refused({ deviceState }, 'stopped', /device "memory" 0: was sent at setup/);
  });

  it('a late section that is there at setup only', async () => {
    await refused(
      { deviceState: only('setup', good) },
      'stopped',
      /device "good" 0: was there at setup, and is not/,
    );
  });

  it('an early section that its reader would not find', async () => {
    const says = /idstr of an early section must begin with a printable ASCII character/;
    await refused({ deviceState: () => [{ ...early, idstr: 'über' }] }, 'setup', says);
  });
});

describe('the state of another migration (rawDeviceState)', () => {
  const none = new Uint8Array(0);
  const whole = { early: none, bytes: Uint8Array.of(0) };
  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['bytes', none, /bytes \(0\) do not end with the end of sections/],
    ['bytes', Uint8Array.of(4, 0, 0), /bytes \(3\) do not end/],
    ['bytes', 'abc', /bytes must be a Uint8Array, is a string/],
    ['early', undefined, /early must be a Uint8Array, is undefined/],
    ['beforeRam', [], /beforeRam must be a Uint8Array/],
  ];
  it.each(bad)('with %s %j is refused', async (field, value, says) => {
    await refused({ rawDeviceState: () => altered(whole, field, value) }, 'setup', says);
  });

  it('that is no more when it must be sent is refused, and the guest stays', async () => {
    const bytes = Uint8Array.of(0);
    const stop = (): void => void structuredClone(bytes, { transfer: [bytes.buffer] });
    const { guest } = guestWith({ rawDeviceState: () => ({ early: none, bytes }), stop });
    const { sent } = await tryToMove({ guest });
    expect(expectFailure(sent, 'guest', /bytes must be .* was transferred/).guest).toBe('source');
  });

  it('that is whole is sent', async () => {
    const described = { early: none, bytes: Buffer.from('\0\x06\0\0\0\x0e{"devices":[]}', 'latin1') };
    const { guest } = guestWith({ rawDeviceState: () => described });
    expect((await move({ guest })).received.rawDeviceState.bytes).toEqual(new Uint8Array(described.bytes));
  });

  it('gets an empty description if it has none: a QEMU would wait for one', async () => {
    const { guest } = guestWith({ rawDeviceState: () => whole });
    expect((await move({ guest })).received.rawDeviceState.bytes).toEqual(Uint8Array.of(0, 6, 0, 0, 0, 0));
  });

  it('cannot be asked for a report without a description: the guest stays', async () => {
    const { guest } = guestWith({ rawDeviceState: () => whole });
    const { sent } = await tryToMove({ guest, source: { requestReport: true } });
    expect(expectFailure(sent, 'usage', /no report can be asked for/).guest).toBe('source');
  });
});

it('the largest numbers, and members that are not of a section, arrive as they should', async () => {
  const largest = { ...good, instanceId: 0xffff_ffff, versionId: 0xffff_ffff };
  const { guest } = guestWith({
    deviceState: () => [altered(altered(largest, 'early', false), 'note', () => {})],
  });
  expect((await move({ guest })).received.deviceState).toEqual([largest]);
});

describe('a destination that has device state without a description', () => {
  const device = Buffer.concat([
    Buffer.from('0400000009', 'hex'),
    Buffer.from('\x05timer', 'latin1'),
    Buffer.from('0000000000000002', 'hex'),
    Buffer.alloc(24, 3),
    Buffer.from('7e00000009', 'hex'),
  ]);
  /** Instance -1: does not fit the bytes. */
  const unfit = Buffer.from(
    JSON.stringify({
      devices: [
        { name: 'timer', instance_id: -1, size: 24, fields: [{ name: 'x', type: 'buffer', size: 24 }] },
      ],
    }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32BE(unfit.length);

  it.each([
    { what: 'none at all', tail: Buffer.concat([device, Buffer.of(0)]) },
    { what: 'one that does not fit', tail: Buffer.concat([device, Buffer.of(0, 6), size, unfit]) },
  ])('says so: $what, closed', async ({ tail }) => {
    const { incoming, source, events } = await destination({ parameters: { multifdChannels: 1 } });
    const main = await source.open(raw.header(), raw.start(blocks), raw.part('end'));
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.end(tail);
    const result = expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(result.deviceState).toBeUndefined();
    expect(Buffer.compare(result.rawDeviceState.bytes, tail)).toBe(0);
    expect(events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/no description of its device state .* cannot be split into devices/),
    });
  });

  it('and one without any state has an empty list', async () => {
    const { incoming, source, events } = await destination({ parameters: { multifdChannels: 1 } });
    const main = await source.open(raw.header(), raw.start(blocks), raw.part('end'));
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.end(Buffer.of(0));
    const result = expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(result.deviceState).toEqual([]);
    expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
  });
});
