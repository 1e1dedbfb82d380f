import { createRandom } from '@multifd/testing/random';
import { S3Server } from '@multifd/testing/s3-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  collectGarbage,
  DiskObjects,
  Lease,
  mirrorSnapshot,
  type ObjectStore,
  S3Objects,
  Store,
  verifyStore,
} from '../../dist/index.js';
import { tempDirectory } from '../support/folder.js';
import { expectSame, PAGE, save, TestGuest } from '../support/guest.js';

const bytes = (seed: number, length: number) => createRandom(seed).bytes(length);

async function server(): Promise<S3Server> {
  const started = await S3Server.start();
  onTestFinished(() => started.close());
  return started;
}

function objectsOf(
  { endpoint, bucket }: { readonly endpoint: string; readonly bucket: string },
  prefix = 'a/b/',
): S3Objects {
  return new S3Objects({
    kind: 's3',
    endpoint,
    bucket,
    prefix,
    region: 'here',
    accessKeyId: 'key',
    secretAccessKey: 'secret',
  });
}

/** A server of somebody else, with an empty bucket `guests`: `MULTIFD_S3=http://HOST:PORT`. */
const OTHER = process.env.MULTIFD_S3;

const KINDS: readonly (readonly [string, () => Promise<ObjectStore>])[] = [
  ['a disk', async () => new DiskObjects(tempDirectory())],
  ['S3', async () => objectsOf(await server())],
  ...(OTHER === undefined
    ? []
    : [
        [
          'S3 of MULTIFD_S3',
          async () => objectsOf({ endpoint: OTHER, bucket: 'guests' }, `${Date.now()}/`),
        ] as const,
      ]),
];

describe.each(KINDS)('objects on %s', (_, open) => {
  it('are put, read, listed and removed', async () => {
    const objects = await open();
    const large = bytes(1, 300_000);
    expect(await objects.put('packs/aa/one', [large.subarray(0, 10), large.subarray(10)])).toBe(true);
    expect(await objects.put('snapshots/two', [bytes(2, 5)], { ifAbsent: true })).toBe(true);
    expect(await objects.put('snapshots/two', [bytes(3, 5)], { ifAbsent: true })).toBe(false);
    expect(Buffer.compare((await objects.get('packs/aa/one', 300_000)) ?? new Uint8Array(0), large)).toBe(0);
    await expect(objects.get('packs/aa/one', 299_999)).rejects.toMatchObject({ code: 'protocol' });
    expect(await objects.get('packs/aa/none', 10)).toBeUndefined();
    const part = await objects.read('packs/aa/one', 299_990, 100);
    expect(part?.size).toBe(300_000);
    expect(Buffer.compare(part?.bytes ?? new Uint8Array(0), large.subarray(299_990))).toBe(0);
    expect(await objects.read('packs/aa/none', 0, 10)).toBeUndefined();
    expect(await objects.put('snapshots/two', [bytes(4, 6)])).toBe(true);
    expect(await objects.list('')).toHaveLength(2);
    expect(await objects.list('', 1)).toHaveLength(1);
    expect(await objects.list('snapshots/')).toEqual([{ key: 'snapshots/two', size: 6 }]);
    await objects.delete('snapshots/two');
    await objects.delete('snapshots/two');
    expect(await objects.list('snapshots/')).toEqual([]);
  });

  it('make a store: written by threads, verified, brought back, collected', async () => {
    const objects = await open();
    const store = await Store.openOrMake(objects);
    const guest = new TestGuest();
    guest.write(0, 0, bytes(5, 20 * 65_536));
    await save(store, 'a', guest);
    guest.write(0, 5 * 65_536, bytes(6, PAGE));
    expect((await save(store, 'b', guest)).head).toMatchObject({ added: 65_536, parent: { name: 'a' } });
    expect(await verifyStore(store)).toMatchObject({ snapshots: 2, faults: [] });
    const local = new DiskObjects(tempDirectory(), objects.what);
    await mirrorSnapshot(store, 'b', local);
    await expectSame(local, 'b', guest);
    const used = await Lease.use(objects, 'a test');
    await expect(collectGarbage(store)).rejects.toThrow(/in use by a test/);
    await used.release();
    await store.remove('a');
    await store.remove('b');
    await collectGarbage(store);
    expect((await objects.list('')).map(({ key }) => key)).toEqual(['multifd-store.json']);
  });
});

describe('S3 in trouble', () => {
  it.each([
    ['a server that is busy', { status: 503 }],
    ['an answer that is lost', 'lost'],
    ['another put of the same key at once', { status: 409 }],
  ] as const)('%s: asked once more', async (_, fault) => {
    const s3 = await server();
    const objects = objectsOf(s3);
    s3.faults.set('a/b/x', fault);
    // It was ours, whether or not we heard of it.
    expect(await objects.put('x', [bytes(1, 100)], { ifAbsent: true })).toBe(true);
    expect(await objects.put('x', [bytes(2, 100)], { ifAbsent: true })).toBe(false);
  });

  it('a put that was lost, and somebody else has the name: it is theirs', async () => {
    const s3 = await server();
    s3.objects.set('a/b/x', Buffer.from('theirs'));
    s3.faults.set('a/b/x', { status: 500 });
    expect(await objectsOf(s3).put('x', [Buffer.from('ours')], { ifAbsent: true })).toBe(false);
  });

  it('a thousand objects and more are listed', async () => {
    const s3 = await server();
    for (let each = 0; each < 2345; each++)
      s3.objects.set(`a/b/packs/${String(each).padStart(5, '0')}`, Buffer.from('x'));
    s3.objects.set('a/c', Buffer.from('not ours'));
    expect(await objectsOf(s3).list('')).toHaveLength(2345);
  });

  it.each([
    ['no bucket', { bucket: 'other' }, 'usage', /there is no bucket other/],
    ['wrong credentials', { accessKeyId: 'x' }, 'usage', /the server refuses us \(403\)/],
    ['no server', { endpoint: 'http://127.0.0.1:1' }, 'io', /store:s3:\/\/guests\/a: cannot/],
  ])('%s: said in one line', async (_, change, code, message) => {
    const s3 = await server();
    const place = { ...objectsOf(s3, 'a/').place, ...change };
    const objects = new S3Objects(place);
    const wanted = { code, message: expect.stringMatching(message), hint: expect.any(String) };
    await expect(objects.list('')).rejects.toMatchObject(wanted);
    // Each waits for a server for a while.
    if (code === 'io') return;
    await expect(objects.put('x', [bytes(1, 1)])).rejects.toMatchObject(wanted);
    await expect(objects.read('x', 0, 1)).rejects.toMatchObject(wanted);
  });
});
