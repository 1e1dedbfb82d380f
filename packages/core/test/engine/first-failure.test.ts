import { type MultifdError, migrate, receive, relay } from '@multifd/core';
import { afterEach, describe, it } from 'vitest';
import { fixture, PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';

describe('the first failure decides, although what it led to is heard half a second before', () => {
  const methodModules = [fixture('slow-to-tell-methods.mjs')];
  const guest = { ram: createGuestRam({ seed: 1, fill: (page) => page.fill(1) }) };
  const closing: { close(): void }[] = [];
  afterEach(() => {
    for (const each of closing.splice(0)) each.close();
  });

  function expectFirst(outcome: Parameters<typeof expectFailure>[0]): MultifdError {
    return expectFailure(outcome, ['protocol', 'codec'], /^(outgoing )?channel \d.*: the first error$/);
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
