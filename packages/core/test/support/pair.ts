import { setTimeout } from 'node:timers/promises';
import {
  type Guest,
  type Incoming,
  type MigrateOptions,
  type MigrateResult,
  type MigrationParameters,
  migrate,
  type ReceiveOptions,
  type ReceiveResult,
  receive,
} from '@multifd/core';
import { PLAIN } from './fixtures.js';
import { host } from './host.js';
import { expectFailure, expectValue, type Outcome, outcomeOf } from './outcome.js';
import { expectSameRam } from './ram.js';

export interface PairOptions {
  readonly guest: Guest;
  /** For both ends. */
  readonly parameters?: Partial<MigrationParameters>;
  readonly source?: Partial<MigrateOptions>;
  readonly destination?: Partial<ReceiveOptions>;
  /** Does something between listening and migrating; may give the source another address. */
  readonly listening?: (incoming: Incoming) => Promise<string | undefined>;
  /**
   * The source ends before the destination has heard of it, which then waits on for another one: it is cancelled when the
   * source has ended.
   */
  readonly waitsOn?: boolean;
  /** With `waitsOn`: what the destination must have heard of before it is cancelled. Ten seconds at most: a test that fails says what. */
  readonly heard?: () => boolean;
  /** Called when the source has ended. */
  readonly sent?: () => void;
  /** ms until both ends must have settled. */
  readonly limit?: number;
}

export interface PairOutcome {
  readonly sent: Outcome<MigrateResult>;
  readonly received: Outcome<ReceiveResult>;
}

/** Migrates over a real socket between two ends in this process, and says how each ended. */
export async function tryToMove(options: PairOptions): Promise<PairOutcome> {
  const { guest, parameters = {}, source = {}, destination = {}, waitsOn = false, heard, limit } = options;
  const cancel = new AbortController();
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    pageSize: guest.ram.pageSize,
    ...(waitsOn ? { signal: cancel.signal } : {}),
    ...host,
    ...destination,
    parameters: { ...parameters, ...destination.parameters },
  });
  const to = (await options.listening?.(incoming)) ?? incoming.address;
  const [sent, received] = await Promise.all([
    outcomeOf(
      migrate({
        to,
        guest,
        accelerator: PLAIN,
        ...host,
        ...source,
        parameters: { ...parameters, ...source.parameters },
      }),
      'migrate',
      limit,
    ).finally(async () => {
      for (let tries = 0; heard?.() === false && tries < 1000; tries++) await setTimeout(10);
      cancel.abort();
      options.sent?.();
    }),
    outcomeOf(incoming.result, 'receive', limit),
  ]);
  return { sent, received };
}

/** Migrates, and compares every byte of both ends. */
export async function move(options: PairOptions): Promise<{ sent: MigrateResult; received: ReceiveResult }> {
  const outcome = await tryToMove(options);
  const sent = expectValue(outcome.sent);
  const received = expectValue(outcome.received);
  expectSameRam(received.ram, options.guest.ram);
  return { sent, received };
}

/**
 * A source that the destination turns away: it fails, and the destination waits on, until it is told to end. Gives what
 * the destination said of each connection.
 */
export async function turnedAway(
  options: PairOptions & { readonly says?: RegExp },
): Promise<readonly string[]> {
  const reasons: string[] = [];
  const outcome = await tryToMove({
    ...options,
    destination: {
      ...options.destination,
      onEvent: (event) => void (event.type === 'refused' && reasons.push(event.reason)),
    },
    waitsOn: true,
  });
  expectFailure(outcome.sent, 'incompatible', options.says ?? /^the destination says: /);
  expectFailure(outcome.received, 'cancelled');
  return reasons;
}

/** For `PairOptions.listening`: the source goes to `address`, and the pair's own destination is closed unused. */
export const goTo =
  (address: string) =>
  async (unused: { close(): void }): Promise<string> => {
    unused.close();
    return address;
  };
