import { readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DiskObjects, Lease } from '../../dist/index.js';
import { tempDirectory } from '../support/folder.js';

const SOON = { wait: 0, every: 1 };

function place() {
  const directory = tempDirectory();
  return { directory, objects: new DiskObjects(directory), leases: join(directory, 'leases') };
}

/** A lease as another process writes it. */
function foreign(kind: string, owner: object, expires: number): string {
  return JSON.stringify({ kind, purpose: 'another', owner: { host: 'there', ...owner }, expires });
}

const ELSEWHERE = { scope: 'another boot', pid: 1, start: '1' };
const LATER = Date.now() + 3_600_000;

it('many may use a store, and a gc is alone', async () => {
  const { objects, leases } = place();
  const [one, two] = [await Lease.use(objects, 'one'), await Lease.use(objects, 'two')];
  await expect(Lease.alone(objects, 'gc')).rejects.toThrow(/in use by (one|two), process/);
  await one.release();
  await two.release();
  const alone = await Lease.alone(objects, 'gc');
  await expect(Lease.use(objects, 'three', undefined, SOON)).rejects.toThrow(/in use by gc, process/);
  await expect(Lease.alone(objects, 'gc')).rejects.toThrow(/in use by gc/);
  const waiting = Lease.use(objects, 'four', undefined, { wait: 30_000, every: 5 });
  await alone.release();
  await (await waiting).release();
  expect(readdirSync(leases)).toEqual([]);
});

it('a user who waits can be interrupted', async () => {
  const { objects } = place();
  const alone = await Lease.alone(objects, 'gc');
  const controller = new AbortController();
  const waiting = Lease.use(objects, 'one', controller.signal);
  setTimeout(() => controller.abort(), 20);
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  await alone.release();
});

it.each([
  ['of a process that has ended, on this machine', 'use', 'here', LATER, true],
  ['of a gc that has ended, on this machine', 'gc', 'here', LATER, true],
  ['of another machine, expired', 'use', 'elsewhere', 1, true],
  ['of another machine, not expired', 'use', 'elsewhere', LATER, false],
  // It may go on: what it removes is not asked for again.
  ['of a gc of another machine, expired', 'gc', 'elsewhere', 1, false],
])('a lease %s', async (_, kind, where, expires, isOver) => {
  const { objects, leases } = place();
  const own = await Lease.use(objects, 'own');
  const [name = ''] = readdirSync(leases);
  const scope = JSON.parse(Buffer.from((await objects.get(`leases/${name}`, 4096)) ?? []).toString()).owner
    .scope;
  await own.release();
  const owner = where === 'here' ? { host: hostname(), scope, pid: 2 ** 22 + 1, start: '1' } : ELSEWHERE;
  writeFileSync(join(leases, 'x-0'), foreign(kind, owner, expires));
  const taking = Lease.alone(objects, 'gc');
  if (isOver) await (await taking).release();
  else await expect(taking).rejects.toThrow(/in use by another, process 1 on there .*leases\/x-0/);
});

it('a lease that is none is named', async () => {
  const { objects, leases } = place();
  await (await Lease.use(objects, 'one')).release();
  writeFileSync(join(leases, 'x-0'), '{}');
  await expect(Lease.alone(objects, 'gc')).rejects.toThrow(/leases\/x-0 is not a lease/);
});

it('one that was taken away is lost', async () => {
  const { objects, leases } = place();
  const lease = await Lease.use(objects, 'one');
  expect(await lease.isHeld()).toBe(true);
  for (const name of readdirSync(leases)) await objects.delete(`leases/${name}`);
  expect(await lease.isHeld()).toBe(false);
  await expect(lease.check()).rejects.toThrow(/took this process for dead/);
  await lease.release();
});
