import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { S3Server } from '@multifd/testing/s3-server';
import { expect, it, onTestFinished } from 'vitest';
import { run, startReceive } from '../helpers/cli.js';
import { sameFiles } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const GUEST = 'demo:24M,zero=0.3,fill=text,seed=5';

/** A server, and an environment in which TMPDIR is looked at in the end. */
async function setUp() {
  const s3 = await S3Server.start();
  onTestFinished(() => s3.close());
  const directory = tempDirectory();
  const { AWS_SESSION_TOKEN: _, AWS_ENDPOINT_URL_S3: __, ...inherited } = process.env;
  const env = { ...inherited, ...s3.environment, TMPDIR: directory };
  return { s3, directory, env };
}

it('a guest in a bucket: received, listed, compared, sent on, removed', async () => {
  const { s3, directory, env } = await setUp();
  const place = (name: string) => `store:s3://guests/some/where#${name}`;
  for (const [name, guest] of [
    ['one', GUEST],
    ['two', GUEST],
    ['three', `${GUEST},dirty=16K`],
  ] as const) {
    const receiving = await startReceive([place(name), '--json'], { env });
    const sent = await run(['migrate', guest, receiving.address, '--verify']);
    expect(sent.code, sent.stderr).toBe(0);
    const { code, stdout, stderr } = await receiving.ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ target: place(name), images: [place(name)] });
  }
  const listed = JSON.parse((await run(['store', 'ls', 's3://guests/some/where', '--json'], { env })).stdout);
  const [one, three, two] = listed.snapshots;
  expect(two).toMatchObject({ name: 'two', added: 0, parent: { name: 'one', id: one.id } });
  expect(three.added).toBeLessThan(0.5 * one.added);
  const diff = await run(['store', 'diff', place('one'), place('two')], { env });
  expect(diff).toMatchObject({ code: 0, stdout: expect.stringMatching(/^block pc\.ram: no page differs/) });

  const images = await startReceive([`raw:${join(directory, 'b')}`]);
  const sent = await run(['migrate', place('one'), images.address, '--verify'], { env });
  expect(sent.code, sent.stderr).toBe(0);
  expect((await images.ended).code).toBe(0);
  const exported = await run(['store', 'export', place('two'), `raw:${join(directory, 'c')}`], { env });
  expect(exported.code, exported.stderr).toBe(0);
  expect(sameFiles(join(directory, 'b', 'pc.ram.raw'), join(directory, 'c', 'pc.ram.raw'))).toBe(true);

  const verified = await run(['store', 'verify', 's3://guests/some/where'], { env });
  expect(verified.code, verified.stdout).toBe(0);
  expect((await run(['store', 'rm', place('one'), place('two'), place('three')], { env })).code).toBe(0);
  expect((await run(['store', 'gc', 's3://guests/some/where'], { env })).code).toBe(0);
  expect([...s3.objects.keys()]).toEqual(['some/where/multifd-store.json']);
  // What was received, and what was fetched, is gone from TMPDIR.
  expect(readdirSync(directory).sort()).toEqual(['b', 'c']);
});

it('a chunk that has changed in the bucket: no guest is made of it', async () => {
  const { s3, directory, env } = await setUp();
  const receiving = await startReceive(['store:s3://guests#a'], { env });
  expect((await run(['migrate', 'demo:4M', receiving.address])).code).toBe(0);
  expect((await receiving.ended).code).toBe(0);
  for (const [key, bytes] of s3.objects)
    if (key.startsWith('packs/')) bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9);
  const target = await startReceive([]);
  const sent = await run(['migrate', 'store:s3://guests#a', target.address], { env });
  expect(sent).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is damaged: (its bytes have|it does not unpack)/),
  });
  expect((await target.ended).code).toBe(1);
  expect(readdirSync(directory)).toEqual([]);
});

it.each([
  [{ AWS_ACCESS_KEY_ID: '' }, 's3://guests', /no credentials\nhint: set AWS_ACCESS_KEY_ID/],
  [{ AWS_SESSION_TOKEN: 'x' }, 's3://guests', /with a session token cannot be used/],
  [{ AWS_ENDPOINT_URL: 'here' }, 's3://guests', /AWS_ENDPOINT_URL: "here" is not the address/],
  [{}, 's3://guests', /there is no store/],
  [{}, 's3://G', /not a bucket\nhint: write s3:\/\/BUCKET/],
  [
    { AWS_ACCESS_KEY_ID: 'wrong' },
    's3://guests',
    /the server refuses us \(403\)\nhint: check AWS_ACCESS_KEY_ID/,
  ],
])('what is wrong is said: %j, %s', async (change, store, message) => {
  const { env } = await setUp();
  const { code, stderr } = await run(['store', 'ls', store], { env: { ...env, ...change } });
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

it('a bucket that is not there: nobody waits for a guest', async () => {
  const { env } = await setUp();
  const { code, stderr } = await run(['receive', 'tcp:127.0.0.1:0', 'store:s3://other#a'], { env });
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/there is no bucket other\nhint: /),
  });
});
