import { migrate, receive } from '@multifd/core';
import { describe, expect, test } from 'vitest';
import { chooseTracker } from '../src/index.js';
import { built } from './support/addon.js';
import { type Kind, MIB, type OpenRam, openRam, optionsOf, PAGE } from './support/memory.js';

const accelerator = { module: new URL('./fixtures/announced.mjs', import.meta.url).href, name: 'tells' };
const LENGTH = 8 * MIB;

/** What an accelerator is told of the guest's memory before its first batch. */
async function toldOf(blocks: Parameters<typeof migrate>[0]['guest']['ram']['blocks']): Promise<string> {
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
  const guest = { ram: { pageSize: PAGE, blocks } };
  const sent = migrate({ to: incoming.address, guest, accelerator, parameters: { multifdChannels: 1 } });
  const error: unknown = await sent.then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  );
  incoming.close();
  await incoming.result.catch(() => {});
  return error instanceof Error ? error.message : String(error);
}

describe.skipIf(!built)('an accelerator is told', () => {
  test.each<[Kind, string]>([
    ['anon', 'anonymous'],
    ['memfd', 'memfd'],
    ['shared file', 'file'],
    ['private file', 'file'],
  ])('of all of the memory in place: %s', async (kind, backing) => {
    const { ram, close }: OpenRam = openRam(optionsOf(kind, LENGTH));
    const { name } = ram.descriptor;
    expect(await toldOf([ram.descriptor])).toContain(`told: ${name} host ${backing} ${LENGTH}`);
    close();
  });

  test('of no memory where a tracker has copies sent', async () => {
    const { ram, close }: OpenRam = openRam(optionsOf('anon', LENGTH));
    const { name } = ram.descriptor;
    const { tracker } = chooseTracker({ blocks: [ram.descriptor], pageSize: PAGE, kind: 'digest' });
    expect(await toldOf(tracker.blocks)).toContain(`told: ${name} host undefined 0`);
    tracker.close();
    close();
  });
});
