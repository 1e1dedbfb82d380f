import { type MultifdError, migrate, receive, relay } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import { API_THREAD, claimFailure, FirstFailure } from '../../src/thread/first-failure.js';
import { fixture, PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';

describe('the first failure', () => {
  it('is told first, whoever is heard first', () => {
    const failures = new FirstFailure();
    const [a, b, c] = [failures.newThread(), failures.newThread(), failures.newThread()];
    const told: string[] = [];
    claimFailure(b);
    claimFailure(a);
    failures.hear(a.number, () => told.push('a'));
    failures.hear(API_THREAD, () => told.push('here'));
    expect(told).toEqual([]);
    failures.hear(b.number, () => told.push('b'));
    failures.hear(c.number, () => told.push('c'));
    failures.hear(b.number, () => told.push('b again'));
    expect(told).toEqual(['b', 'a', 'here', 'c', 'b again']);
  });

  it('of a thread that died without a claim, or of the API thread, counts when it is heard', () => {
    for (const number of [API_THREAD, 2]) {
      const failures = new FirstFailure();
      const [dead, other] = [failures.newThread(), failures.newThread()];
      expect(dead.number).toBe(2);
      const told: number[] = [];
      failures.hear(number, () => told.push(number));
      claimFailure(other);
      failures.hear(other.number, () => told.push(other.number));
      expect(told).toEqual([number, other.number]);
    }
  });

  it('that never comes is not waited for without a limit', async () => {
    const failures = new FirstFailure();
    const [silent, other] = [failures.newThread(), failures.newThread()];
    claimFailure(silent);
    await new Promise<void>((resolve) => failures.hear(other.number, resolve));
    const told: string[] = [];
    failures.hear(silent.number, () => told.push('at last'));
    expect(told).toEqual(['at last']);
  });

  it('does not hold anybody back when all is over', () => {
    const failures = new FirstFailure();
    const [first, other] = [failures.newThread(), failures.newThread()];
    claimFailure(first);
    const told: string[] = [];
    failures.hear(other.number, () => told.push('dropped'));
    failures.close();
    failures.hear(other.number, () => told.push('at once'));
    expect(told).toEqual(['at once']);
  });
});

describe('the first failure decides, although what it led to is heard half a second before', () => {
  const methodModules = [fixture('slow-to-tell-methods.mjs')];
  const guest = { ram: createGuestRam({ seed: 1, fill: (page) => page.fill(1) }) };
  const closing: { close(): void }[] = [];
  afterEach(() => {
    for (const each of closing.splice(0)) each.close();
  });

  function expectFirst(outcome: Parameters<typeof expectFailure>[0]): MultifdError {
    return expectFailure(outcome, ['protocol', 'internal'], /^(outgoing )?channel \d.*: the first error$/);
  }

  it.each([1, 4])('destination, %i channels', async (multifdChannels) => {
    const parameters = { multifdChannels, multifdCompression: 'recv-fails' };
    const { received } = await tryToMove({
      guest,
      parameters,
      source: { methodModules },
      destination: { methodModules },
    });
    expectFirst(received);
  });

  it.each([1, 4])('source, %i channels', async (multifdChannels) => {
    const parameters = { multifdChannels, multifdCompression: 'prepare-fails' };
    const { sent } = await tryToMove({
      guest,
      parameters,
      source: { methodModules },
      destination: { methodModules },
    });
    expectFirst(sent);
  });

  it.each(['incoming', 'outgoing'] as const)('relay, its %s side', async (side) => {
    const fails = { multifdCompression: side === 'incoming' ? 'recv-fails' : 'prepare-fails' };
    const incoming = side === 'incoming' ? fails : {};
    const outgoing = side === 'outgoing' ? fails : {};
    const end = await receive({ listen: 'tcp:127.0.0.1:0', parameters: outgoing, methodModules });
    closing.push(end);
    const between = await relay({
      listen: 'tcp:127.0.0.1:0',
      to: end.address,
      incoming,
      outgoing,
      accelerator: PLAIN,
      methodModules,
    });
    closing.push(between);
    const source = migrate({
      guest,
      to: between.address,
      accelerator: PLAIN,
      parameters: incoming,
      methodModules,
    });
    const [relayed, sent] = await Promise.all([
      outcomeOf(between.result, 'relay'),
      outcomeOf(source, 'migrate'),
      outcomeOf(end.result, 'receive'),
    ]);
    expectFirst(relayed);
    expectFailure(sent, 'peer-closed');
  });
});
