import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Server } from '@multifd/testing/s3-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, migrateJson, run, start, startReceive } from '../helpers/cli.js';
import { packsOf, storeJson } from '../helpers/store.js';
import { tempDirectory } from '../helpers/temp.js';

/**
 * 144 MiB of random content, slow enough to be packed as they come. On whatever machine at most four threads do that, and each puts
 * a pack when it has 16 MiB: when 64 MiB are packed, one is stored.
 */
const GUEST = 'demo:160M,zero=0.1,seed=7';
const SLOWLY = ['--max-bandwidth', '16M'];
/** Writes more than it can send, all over its RAM: it is never all here. */
const ENDLESS = `${GUEST},dirty=32M`;

/** Sends a guest slowly, until a pack is stored of it. */
async function halfWay(store: string, guest: string) {
  const receiving = await startReceive([`store:${store}#a`]);
  const source = start(['migrate', guest, receiving.address, ...SLOWLY]);
  await eventually('a pack is stored', () => packs(store) > 0, 60_000);
  expect(source.child.exitCode).toBeNull();
  return { receiving, source };
}

describe('a guest that comes slowly is brought into chunks meanwhile', () => {
  it.each([
    ['with guest memory of this machine', []],
    ['on Node alone', ['--host', 'none']],
  ])('a guest that writes, %s: what was received is what is restored', async (_, host) => {
    const store = join(tempDirectory(), 'guests');
    const receiving = await startReceive([`store:${store}#a`, ...host]);
    // What the destination says of its memory is read from the store.
    const sent = migrateJson([`${GUEST},dirty=256K`, receiving.address, '--verify', ...SLOWLY]);
    await eventually('a pack is stored', () => packs(store) > 0, 60_000);
    expect((await storeJson(['ls', store])).snapshots).toEqual([]);
    expect(await sent).toMatchObject({ status: 'completed', verified: true });
    const { code, stderr } = await receiving.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /^multifd: store:\S+#a: \d+\.\d [KM]iB more than it needs were stored, of RAM that the guest wrote again while it came$/m,
    );
    expect(await storeJson(['verify', store])).toMatchObject({ snapshots: 1, faults: [] });
    // What was stored too often counts as stored nowhere.
    const [{ content, added, stored }] = (await storeJson(['ls', store])).snapshots;
    expect(added).toBeLessThanOrEqual(content);
    expect(stored).toBeLessThanOrEqual(added);
    const again = await startReceive([]);
    expect(await migrateJson([`store:${store}#a`, again.address, '--verify'])).toMatchObject({
      verified: true,
    });
    expect((await again.ended).code).toBe(0);
  });

  it('a guest that stands still: nothing is stored twice', async () => {
    const store = join(tempDirectory(), 'guests');
    const { receiving, source } = await halfWay(store, GUEST);
    expect((await source.ended).code).toBe(0);
    const { code, stderr } = await receiving.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/more than it needs/);
    expect(await storeJson(['gc', store])).toMatchObject({ packs: 0 });
  });

  it('into a bucket, too', async () => {
    const s3 = await S3Server.start();
    onTestFinished(() => s3.close());
    const { AWS_SESSION_TOKEN: _, AWS_ENDPOINT_URL_S3: __, ...inherited } = process.env;
    const env = { ...inherited, ...s3.environment, TMPDIR: tempDirectory() };
    const receiving = await startReceive(['store:s3://guests/x#a'], { env });
    const sent = migrateJson([`${GUEST},dirty=64K`, receiving.address, '--verify', ...SLOWLY]);
    const isThere = (folder: string) => [...s3.objects.keys()].some((key) => key.startsWith(`x/${folder}/`));
    await eventually('a pack is stored', () => isThere('packs'), 60_000);
    expect(isThere('snapshots')).toBe(false);
    expect(await sent).toMatchObject({ status: 'completed', verified: true });
    expect((await receiving.ended).code).toBe(0);
    const again = await startReceive([]);
    const restored = await run(['migrate', 'store:s3://guests/x#a', again.address, '--verify'], { env });
    expect(restored.code, restored.stderr).toBe(0);
    expect((await run(['store', 'verify', 's3://guests/x'], { env })).code).toBe(0);
  });
});

describe('half way, when packs are stored', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)(
    '%s to receive: nothing has the name, a gc frees all',
    async (signal) => {
      const store = join(tempDirectory(), 'guests');
      const { receiving, source } = await halfWay(store, ENDLESS);
      receiving.child.kill(signal);
      expect((await receiving.ended).code).toBe(signal === 'SIGINT' ? 130 : null);
      expect((await source.ended).code).toBe(1);
      if (signal === 'SIGINT')
        for (const folder of ['leases', 'partial']) expect(readdirSync(join(store, folder))).toEqual([]);
      await expectNothing(store);
    },
  );

  it('the source dies: the same', async () => {
    const store = join(tempDirectory(), 'guests');
    const { receiving, source } = await halfWay(store, ENDLESS);
    source.child.kill('SIGKILL');
    expect((await receiving.ended).code).toBe(1);
    await source.ended;
    await expectNothing(store);
  });

  it('the source sends nothing more: it is waited for, and an interrupt ends that', async () => {
    const store = join(tempDirectory(), 'guests');
    const { receiving, source } = await halfWay(store, ENDLESS);
    source.child.kill('SIGSTOP');
    // All that is here is stored, and no more comes.
    await sleep(2000);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    source.child.kill('SIGKILL');
    await source.ended;
    await expectNothing(store);
  });
});

async function expectNothing(store: string): Promise<void> {
  expect(await storeJson(['verify', store])).toMatchObject({ snapshots: 0, faults: [] });
  const collected = await storeJson(['gc', store]);
  expect(collected.packs).toBeGreaterThan(0);
  expect(packs(store)).toBe(0);
  for (const folder of ['leases', 'partial']) expect(readdirSync(join(store, folder))).toEqual([]);
}

function packs(store: string): number {
  try {
    return packsOf(store).length;
  } catch {
    return 0;
  }
}
