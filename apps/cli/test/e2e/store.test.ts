import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canMount, eventually, migrateJson, run, start, startReceive } from '../helpers/cli.js';
import { sameFiles } from '../helpers/images.js';
import { packsOf, receiveInto, storeJson } from '../helpers/store.js';
import { tempDirectory } from '../helpers/temp.js';

const GUEST = 'demo:64M,zero=0.3,fill=text,seed=5';

/** What lies in a store besides packs. */
function restOf(store: string): string[] {
  return ['.', 'snapshots', 'leases', 'partial'].flatMap((folder) => readdirSync(join(store, folder))).sort();
}

describe('a guest in a store', () => {
  it.runIf(canMount)('may only be read: sent on, verified and compared, but nothing is removed', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, GUEST);
    const mount = `--bind ${store} ${store} && mount -o remount,ro,bind ${store}`;
    const note = new RegExp(
      `^multifd: store:${store} cannot be written to: no gc waits until it has been read$`,
      'm',
    );
    for (const args of [
      ['migrate', `store:${store}#a`],
      ['store', 'verify', store],
      ['store', 'diff', `${store}#a`, `${store}#a`],
      ['inspect', '--diff', `store:${store}#a`, `store:${store}#a`],
      ['store', 'export', `${store}#a`, `file:${join(tempDirectory(), 'a.mig')}`],
    ]) {
      const { code, stderr } = await run(args, { mount });
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: expect.stringMatching(note) });
    }
    for (const args of [
      ['store', 'gc', store],
      ['store', 'rm', `${store}#a`],
    ]) {
      const { code, stderr } = await run(args, { mount });
      expect({ args, code, stderr }).toEqual({
        args,
        code: 2,
        stderr: expect.stringMatching(/read-only file system/),
      });
    }
    expect(restOf(store)).toContain('a');
  });

  it('is received, listed, sent on, exported, compared and removed', async () => {
    const directory = tempDirectory();
    const store = join(directory, 'guests');
    const place = `store:${store}#monday`;
    expect(await receiveInto(place, GUEST)).toMatchObject({
      target: place,
      images: [join(store, 'snapshots', 'monday')],
    });
    expect(restOf(store)).toEqual([
      'leases',
      'monday',
      'multifd-store.json',
      'packs',
      'partial',
      'snapshots',
    ]);

    // The same guest once more, and one that has written a little.
    await receiveInto(`store:${store}#tuesday`, GUEST);
    await receiveInto(`store:${store}#wednesday`, `${GUEST},dirty=16K`);
    const { snapshots } = await storeJson(['ls', store]);
    const [monday, tuesday, wednesday] = snapshots;
    expect(monday).toMatchObject({ name: 'monday', parent: null });
    expect(tuesday).toMatchObject({ added: 0, stored: 0, parent: { name: 'monday', id: monday.id } });
    expect(wednesday.stored + wednesday.size).toBeLessThan(0.05 * (monday.stored + monday.size));
    expect(tuesday.size).toBeLessThan(0.05 * monday.stored);

    const shown = await run(['store', 'show', `${store}#monday`]);
    expect(shown.stdout).toMatch(/^snapshot +monday\nid +[0-9a-f]{64}\n[\s\S]*block +pc\.ram: 64\.0 MiB, /);
    const same = await run(['store', 'diff', `${store}#monday`, `${store}#tuesday`]);
    expect(same).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^block pc\.ram: no page differs\n/),
    });
    const other = await storeJson(['diff', `${store}#monday`, `${store}#wednesday`]);
    expect(other.pages).toBeGreaterThan(0);
    expect([other['device-state-differs'], other.blocks[0]['more-ranges']]).toEqual([true, 0]);

    // By way of QEMU's file format, by images, and over the wire: the same RAM.
    expect((await run(['store', 'export', `${store}#monday`, `file:${join(directory, 'a.mig')}`])).code).toBe(
      0,
    );
    expect((await run(['store', 'export', place, `raw:${join(directory, 'b')}`])).code).toBe(0);
    const images = await startReceive([`raw:${join(directory, 'c')}`]);
    await migrateJson([place, images.address, '--verify']);
    expect((await images.ended).code).toBe(0);
    const again = await startReceive([`raw:${join(directory, 'd')}`]);
    await migrateJson([`file:${join(directory, 'a.mig')}`, again.address, '--verify']);
    expect((await again.ended).code).toBe(0);
    for (const name of ['c', 'd'])
      expect(sameFiles(join(directory, 'b', 'pc.ram.raw'), join(directory, name, 'pc.ram.raw'))).toBe(true);

    // And back in, by both ways: nothing of it is new.
    for (const from of [`file:${join(directory, 'a.mig')}`, `raw:${join(directory, 'b')}`]) {
      const imported = await storeJson(['import', from, `${store}#imported`, '--force']);
      expect(imported).toMatchObject({ status: 'completed', added: 0, stored: 0, content: monday.content });
    }

    expect(await storeJson(['verify', store])).toMatchObject({
      status: 'completed',
      snapshots: 4,
      faults: [],
    });
    // One name that is wrong: all stay.
    const wrong = await run(['store', 'rm', `${store}#monday`, `${store}#nobody`]);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect((await run(['store', 'show', `${store}#monday`])).code).toBe(0);
    expect(
      (await run(['store', 'rm', `${store}#monday`, `${store}#tuesday`, `${store}#imported`])).code,
    ).toBe(0);
    expect(await storeJson(['gc', store])).toMatchObject({ status: 'completed' });
    expect((await run(['store', 'rm', `${store}#wednesday`])).code).toBe(0);
    expect(await storeJson(['gc', store])).toMatchObject({ 'packs-left': 0 });
    expect(packsOf(store)).toEqual([]);
  });

  it('has a name that nobody takes away, but with --force', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#one`, 'demo:4M');
    const { snapshots: before } = await storeJson(['ls', store]);
    const { code, stderr } = await run(['receive', 'tcp:127.0.0.1:0', `store:${store}#one`]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/#one: there is a snapshot of this name already\nhint: .+ --force .+\n$/);
    await receiveInto(`store:${store}#one`, 'demo:4M,seed=2', ['--force']);
    const { snapshots } = await storeJson(['ls', store]);
    expect(snapshots).toHaveLength(1);
    expect(snapshots[0].id).not.toBe(before[0].id);
  });

  it('has one of two guests that come at once with --force: the other stays at its source', async () => {
    const place = `store:${join(tempDirectory(), 'guests')}#one`;
    const [first, second] = [await startReceive([place, '--force']), await startReceive([place, '--force'])];
    await migrateJson(['demo:4M', first.address]);
    expect((await first.ended).code).toBe(0);
    const sent = await run(['migrate', 'demo:4M,seed=2', second.address]);
    expect(sent.code).toBe(1);
    const { code, stderr } = await second.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/#one: another writer has taken the name since this one began\nhint: .+\n$/);
    const arrived = await startReceive([]);
    expect(await migrateJson([place, arrived.address, '--verify'])).toMatchObject({ verified: true });
    expect((await arrived.ended).code).toBe(0);
  });
});

describe('words that are wrong', () => {
  it.each([
    [['migrate', 'store:x'], /source "store:x": a store and the name of a snapshot belong here/],
    [['migrate', 'store:none#a', 'tcp:127.0.0.1:1'], /store:none: there is no store/],
    [['migrate', 'demo:4M', 'store:x#a'], /an address belongs here, and store: is none/],
    [['receive', 'store:x#a'], /an address belongs here, and store: is none/],
    [['receive', 'tcp:127.0.0.1:0', 'store:x#.a'], /"\.a" is not a name for a snapshot/],
    [['receive', 'tcp:127.0.0.1:0', 'store:none/x#a'], /there is no directory none/],
    [['receive', 'tcp:127.0.0.1:0', 'store:.#a'], /not a store, and not empty/],
    [['store', 'ls', 'none'], /store:none: there is no store/],
    [['store', 'show', 'none'], /a store and the name of a snapshot belong here/],
    [['store', 'export', 'none#a', 'memory'], /a snapshot is exported to a file or to images/],
    [['store', 'import', 'none.mig', 'store#a'], /none\.mig: no such file/],
    [['store', 'import', 'raw:something', 'none/x#a'], /there is no directory none/],
  ])('%j', async (args, message) => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'something'), Buffer.alloc(4096));
    const { code, stdout, stderr } = await run(args, { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/\nhint: .+\n$/);
    expect(readdirSync(cwd)).toEqual(['something']);
  });
});

describe('what goes wrong', () => {
  it('interrupted midway: nothing of the guest stays', async () => {
    const store = join(tempDirectory(), 'guests');
    const receiving = await startReceive([`store:${store}#a`]);
    const source = start(['migrate', GUEST, receiving.address, '--max-bandwidth', '8M']);
    await eventually('it is begun', () => hiddenIn(store).length > 0);
    receiving.child.kill('SIGINT');
    const { code, stderr } = await receiving.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringContaining(`store:${store} was made for this guest, and stays without it`),
    });
    expect((await source.ended).code).toBe(1);
    for (const folder of ['leases', 'partial']) expect(readdirSync(join(store, folder))).toEqual([]);
    expect(hiddenIn(store)).toEqual([]);
    expect((await storeJson(['ls', store])).snapshots).toEqual([]);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)(
    '%s while it is brought into chunks: the guest stays at its source',
    async (signal) => {
      const store = join(tempDirectory(), 'guests');
      await receiveInto(`store:${store}#a`, 'demo:4M');
      const before = packsOf(store).length;
      const receiving = await startReceive([`store:${store}#b`]);
      // Enough for several packs.
      const source = start(['migrate', 'demo:192M,zero=0', receiving.address]);
      await eventually('a pack is stored', () => packsOf(store).length > before, 60_000);
      receiving.child.kill(signal);
      expect((await receiving.ended).code).toBe(signal === 'SIGINT' ? 130 : null);
      expect((await source.ended).code).toBe(1);
      expect((await storeJson(['ls', store])).snapshots).toMatchObject([{ name: 'a' }]);
      if (signal === 'SIGINT') expect(hiddenIn(store)).toEqual([]);
      // Chunks that were stored are found again, or go.
      expect(await storeJson(['verify', store])).toMatchObject({ snapshots: 1, faults: [] });
      const collected = await storeJson(['gc', store]);
      expect(collected.packs).toBeGreaterThan(0);
      expect(packsOf(store)).toHaveLength(before);
      expect(readdirSync(join(store, 'partial'))).toEqual([]);
    },
  );

  it('killed midway: the next one says what is left, and the store is whole', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, 'demo:4M');
    const receiving = await startReceive([`store:${store}#b`]);
    start(['migrate', GUEST, receiving.address, '--max-bandwidth', '8M']);
    await eventually('it is begun', () => hiddenIn(store).length > 0);
    const busy = await run(['store', 'gc', store]);
    expect(busy).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/in use by a writer of b, process \d+/),
    });
    receiving.child.kill('SIGKILL');
    await receiving.ended;
    // Of another name, too: it is the store's disk that it fills.
    for (const name of ['b', 'c']) {
      const next = start(['receive', 'tcp:127.0.0.1:0', `store:${store}#${name}`]);
      await next.says(/\.b\.partial-\w+ .* an unfinished file of an earlier receive/);
      next.child.kill('SIGTERM');
      await next.ended;
    }
    // It may be all that is left of a guest: a gc says that it is there, and leaves it.
    const [hidden = ''] = hiddenIn(store);
    expect(await storeJson(['gc', store])).toMatchObject({
      status: 'completed',
      notes: [expect.stringContaining(`${hidden} (`)],
    });
    expect(hiddenIn(store)).toEqual([hidden]);
    expect(await storeJson(['verify', store])).toMatchObject({ snapshots: 1, faults: [] });
  });

  it.runIf(canMount)('no room: the guest stays at its source', async () => {
    const directory = tempDirectory();
    const receiving = await startReceive([`store:${join(directory, 'guests')}#a`], {
      mount: `-t tmpfs -o size=8m x ${directory}`,
    });
    const sent = await run(['migrate', 'demo:24M,zero=0', receiving.address]);
    expect(sent.code).toBe(1);
    expect(await receiving.ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no space left on device/i),
    });
  });

  it.runIf(canMount)('no room for its packs: what frees some is said', async () => {
    const directory = tempDirectory();
    const receiving = await startReceive([`store:${join(directory, 'guests')}#a`], {
      mount: `-t tmpfs -o size=30m x ${directory}`,
    });
    expect((await run(['migrate', 'demo:24M,zero=0', receiving.address])).code).toBe(1);
    expect(await receiving.ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no space left on device.*\nhint: .*multifd store gc/i),
    });
  });
});

/** What is received and not complete. */
function hiddenIn(store: string): string[] {
  try {
    return readdirSync(store).filter((name) => name.startsWith('.'));
  } catch {
    return [];
  }
}
