import {
  type ErrorCode,
  type MigrateOptions,
  migrate,
  type ReceiveOptions,
  receive,
  relay,
} from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { altered } from '../support/untyped.js';

const ram = createGuestRam({ seed: 1, blocks: [{ name: 'pc.ram', length: MIB }] });
const source: MigrateOptions = { guest: { ram }, to: 'tcp:127.0.0.1:1', accelerator: PLAIN };
const destination: ReceiveOptions = { listen: 'tcp:127.0.0.1:0' };
const relaying = {
  listen: 'tcp:127.0.0.1:0',
  to: 'tcp:127.0.0.1:1',
  outgoing: { zeroPageDetection: 'none' },
} as const;

type Case = readonly [member: string, value: unknown, says: RegExp, code?: ErrorCode];

/** Of all three. */
const shared: readonly Case[] = [
  ['methodModules', 'x', /methodModules must be an array of URLs, is "x"/],
  ['methodModules', [7], /methodModules must be an array of URLs/],
  ['onEvent', true, /onEvent must be a function, is a boolean/],
];
const parameters: readonly Case[] = [
  ['parameters', { channels: 4 }, /there is no parameter channels/],
  ['parameters', 'fast', /parameters must be an object, is "fast"/],
  ['parameters', { multifdChannels: '4' }, /from 1 to 255, got "4"/],
  [
    'methodSettings',
    { 'multifd-zlib-level': 1 },
    /multifd-zlib-level has no use with multifdCompression none/,
  ],
  [
    'parameters',
    { multifdCompression: 'zstd' },
    /zstd is not available: .* known here: none/,
    'codec-unavailable',
  ],
  ['parameters', { multifdCompression: 'mine' }, /mine is not available/, 'codec-unavailable'],
];

const named = (cases: readonly Case[]) =>
  cases.map(([member, value, says, code = 'usage']) => ({ member, value, says, code }));

async function refused(
  call: () => Promise<unknown>,
  { says, code = 'usage' }: { readonly says: RegExp; readonly code?: ErrorCode },
): Promise<void> {
  const error = expectFailure(await outcomeOf(Promise.resolve().then(call), 'the call'), code, says);
  expect(error.guest).toBeUndefined();
}

describe('options of a program without types are refused at once', () => {
  it.each(
    named([
      ['guest', undefined, /migrate: guest must be an object, is undefined/],
      ['guest', {}, /migrate: guest.ram must be an object, is undefined/],
      ['guest', { ram, stop: 'now' }, /migrate: guest.stop must be a function, is a string/],
      ['to', undefined, /migrate: to must be a string, is undefined/],
      ['to', 4444, /migrate: to must be a string, is 4444/],
      ['tls', true, /migrate: tls must be an object, is true/],
      ['tls', {}, /migrate: tls.credentials must be an object/],
      ...shared,
      ...parameters,
    ]),
  )('migrate, $member $value', async ({ member, value, ...rest }) => {
    await refused(() => migrate(altered(source, member, value)), rest);
  });

  it.each(
    named([
      ['listen', undefined, /receive: listen must be a string, is undefined/],
      ['listen', 4444, /receive: listen must be a string, is 4444/],
      ['tls', true, /receive: tls must be an object, is true/],
      ['commit', 'later', /receive: commit must be a function/],
      ...shared,
      ...parameters,
    ]),
  )('receive, $member $value', async ({ member, value, ...rest }) => {
    await refused(() => receive(altered(destination, member, value)), rest);
  });

  it.each(
    named([
      ['to', undefined, /relay: to must be a string, is undefined/],
      ['incomingTls', true, /relay: incomingTls must be an object/],
      ['incoming', { channels: 4 }, /there is no parameter channels/],
      [
        'outgoing',
        { zeroPageDetection: 'none', multifdCompression: 'zlib' },
        /zlib is not/,
        'codec-unavailable',
      ],
      ...shared,
    ]),
  )('relay, $member $value', async ({ member, value, ...rest }) => {
    await refused(() => relay(altered(relaying, member, value)), rest);
  });

  it('none at all', async () => {
    const nothing = <T extends object>(call: (options: T) => Promise<unknown>): Promise<unknown> =>
      Reflect.apply(call, undefined, []);
    for (const call of [() => nothing(migrate), () => nothing(receive), () => nothing(relay)])
      await refused(call, { says: /its options must be an object, is undefined/ });
  });

  it('a missing codec: the hint is what to write', async () => {
    const call = receive({ ...destination, parameters: { multifdCompression: 'zstd' } });
    const { hint } = expectFailure(await outcomeOf(call, 'receive'), 'codec-unavailable');
    expect(hint).toContain("methodModules: [import.meta.resolve('@multifd/codec-zstd')]");
  });
});
