import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrateJson, run, startReceive } from '../helpers/cli.js';
import { packsOf, receiveInto, storeJson } from '../helpers/store.js';
import { tempDirectory } from '../helpers/temp.js';

/** Of a pack that was cut. */
const TOLD = /^multifd: a pack was not used: store:.*: packs\/.* is damaged: .+$/m;

describe('a store that is not as it was written', () => {
  it('a chunk that has changed: named, and no guest is made of it', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, 'demo:4M');
    const [pack = ''] = packsOf(store);
    const bytes = readFileSync(pack);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 100) ^ 1, bytes.length - 100);
    writeFileSync(pack, bytes);
    const verified = await storeJson(['verify', store], 1);
    expect(verified).toMatchObject({ status: 'failed', 'error-class': 'io', broken: ['a'] });
    expect(verified.faults[0]).toMatch(/packs\/.* is damaged: the bytes of chunk \d+ have another hash/);
    const receiving = await startReceive([]);
    const sent = await run(['migrate', `store:${store}#a`, receiving.address]);
    expect(sent).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/is damaged: its bytes have another hash/),
    });
    expect((await receiving.ended).code).toBe(1);
  });

  it('a pack that cannot be used: told, and what it holds is stored once more', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, 'demo:4M');
    const [pack = ''] = packsOf(store);
    truncateSync(pack, 60);
    const receiving = await startReceive([`store:${store}#b`]);
    await migrateJson(['demo:4M', receiving.address, '--verify']);
    const received = await receiving.ended;
    expect(received).toMatchObject({ code: 0, stderr: expect.stringMatching(TOLD) });
    // Threads may have put the chunks into other packs: then the first snapshot stays without.
    expect(JSON.parse((await run(['store', 'verify', store, '--json'])).stdout).broken).not.toContain('b');
    const exported = join(tempDirectory(), 'c.mig');
    expect((await run(['store', 'export', `${store}#b`, `file:${exported}`])).code).toBe(0);
    truncateSync(pack, 60);
    const imported = await run(['store', 'import', exported, `${store}#c`]);
    expect(imported).toMatchObject({ code: 0, stderr: expect.stringMatching(TOLD) });
  });

  it('a name that would steer a terminal: said in plain words, and gc removes nothing', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, 'demo:4M');
    writeFileSync(join(store, 'snapshots', 'x\u001b[31m\n'), '');
    const verified = await run(['store', 'verify', store]);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/^store:.*snapshots\/x\\x1b\[31m\\x0a is not a snapshot's name\n/);
    const collected = await run(['store', 'gc', store]);
    expect(collected.code).toBe(1);
    expect(collected.stderr).toMatch(/snapshots\/x \[31m +is not a snapshot's name.*\nhint: .+\n$/);
  });

  it('a snapshot that was cut: ls says so, and gc removes nothing', async () => {
    const store = join(tempDirectory(), 'guests');
    await receiveInto(`store:${store}#a`, 'demo:4M');
    await receiveInto(`store:${store}#b`, 'demo:4M,seed=2');
    truncateSync(join(store, 'snapshots', 'a'), 60);
    const listed = await storeJson(['ls', store], 1);
    expect(listed.snapshots).toMatchObject([{ name: 'b' }]);
    expect(listed.damaged).toEqual([expect.stringMatching(/#a is damaged/)]);
    const before = packsOf(store).length;
    expect((await run(['store', 'gc', store])).code).toBe(1);
    expect(packsOf(store)).toHaveLength(before);
  });
});
