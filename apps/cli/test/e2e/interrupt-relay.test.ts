import { allocateGuestRam, migrate, receive } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type Running, start } from '../helpers/cli.js';

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function startRelay(to: string, args: readonly string[]): Promise<Running & { address: string }> {
  const running = start(['relay', 'tcp:127.0.0.1:0', to, '--json', ...args]);
  return { ...running, address: await running.says(/listening on (tcp:\S+)/) };
}

/** A guest through `multifd relay`, which is told to stop twice while the destination makes the guest last. */
async function interruptedTwice(args: readonly string[]) {
  const relays: Running[] = [];
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    async commit() {
      const [relay] = relays;
      relay?.child.kill('SIGINT');
      await pause(1000);
      relay?.child.kill('SIGINT');
      await Promise.race([relay?.ended, pause(10_000)]);
    },
  });
  toClose.push(incoming);
  const relay = await startRelay(incoming.address, args);
  relays.push(relay);
  const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 16 * 2 ** 20 }], 4096);
  const sent = migrate({
    guest: { ram: { pageSize: 4096, blocks } },
    to: relay.address,
    parameters: { zeroPageDetection: 'none' },
  });
  const [source] = await Promise.allSettled([sent, incoming.result]);
  return { ended: await relay.ended, source };
}

describe('a relay that is interrupted twice while the destination makes the guest last', () => {
  for (const host of ['auto', 'none']) {
    it(`ends at once and does not say that the guest is intact at its source, --host ${host}`, async () => {
      const { ended, source } = await interruptedTwice(['--host', host]);
      expect(ended).toMatchObject({ code: 1, signal: null });
      expect(ended.stderr).toMatch(/too late to cancel/);
      expect(ended.stderr).toMatch(/interrupted: the destination's word is waited for.*a second signal ends/);
      expect(ended.stderr).toMatch(/interrupted again: ended at once\nhint: both may have the guest/);
      expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'either' });
      expect(source).toMatchObject({ status: 'rejected', reason: { guest: 'either' } });
    });
  }
});

describe('a relay whose source does not wait for an answer', () => {
  it('interrupted: exit 1, and not 130, which says that the guest is intact at its source', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
    toClose.push(incoming);
    const relay = await startRelay(incoming.address, []);
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 64 * 2 ** 20 }], 4096);
    const sent = migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: relay.address,
      parameters: { zeroPageDetection: 'none', returnPath: false, maxBandwidth: 2 ** 20 },
      onEvent: (event) => {
        if (event.type === 'status' && event.status === 'active')
          setTimeout(() => relay.child.kill('SIGINT'), 1000);
      },
    });
    const [ended] = await Promise.all([relay.ended, sent.catch(() => {})]);
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'either' });
    expect(ended.stderr).toMatch(/the source .* may have let go of the guest/);
  });
});
