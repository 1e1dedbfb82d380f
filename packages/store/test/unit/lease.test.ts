import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { DiskObjects, Lease, startReading } from '../../dist/index.js';
import { hasEnded, thisProcess } from '../../src/lease/owner.js';
import { storeError } from '../../src/objects/disk-error.js';
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

it.each([
  ['without members', '{}'],
  ['until a moment that no clock has', foreign('use', ELSEWHERE, 1e300)],
])('a lease %s is named', async (_, text) => {
  const { objects, leases } = place();
  await (await Lease.use(objects, 'one')).release();
  writeFileSync(join(leases, 'x-0'), text);
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

/** Its timers and its clock stand still until they are told. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** Renews a lease that is kept. */
async function renewed(lease: Lease): Promise<void> {
  vi.advanceTimersByTime(20_000);
  // It comes behind the renewal.
  await lease.isHeld();
}

it('each one outlives the next renewal', async () => {
  const { objects, leases } = place();
  stopTime();
  const lease = await Lease.use(objects, 'one');
  const [first = ''] = readdirSync(leases);
  await renewed(lease);
  const both = readdirSync(leases);
  expect(both).toHaveLength(2);
  expect(both).toContain(first);
  await renewed(lease);
  expect(readdirSync(leases)).toHaveLength(2);
  expect(readdirSync(leases)).not.toContain(first);
  expect(await lease.isHeld()).toBe(true);
  await lease.release();
  expect(readdirSync(leases)).toEqual([]);
});

/** What a gc sees while somebody else renews. */
class Behind extends DiskObjects {
  /** Once, between a list and what is read then. */
  afterList: () => Promise<void> = async () => {};
  /** Once, while it is listed: only what is there before and after is found. */
  inList: () => Promise<void> = async () => {};

  override async list(prefix: string) {
    const before = await super.list(prefix);
    await this.#once('inList');
    const after = await super.list(prefix);
    await this.#once('afterList');
    return before.filter(({ key }) => after.some((other) => other.key === key));
  }

  async #once(which: 'afterList' | 'inList'): Promise<void> {
    const what = this[which];
    this[which] = async () => {};
    await what();
  }
}

it.each([
  ['between the list and the reading', 'afterList', 2],
  ['while it is listed', 'inList', 1],
  ['while it is listed for long', 'inList', 2],
] as const)('a gc that meets renewals %s gives way', async (_, which, renewals) => {
  const { directory, objects } = place();
  stopTime();
  const lease = await Lease.use(objects, 'one');
  const behind = new Behind(directory);
  behind[which] = async () => {
    for (let each = 0; each < renewals; each++) await renewed(lease);
  };
  await expect(Lease.alone(behind, 'gc')).rejects.toThrow(/in use by one, process/);
  expect(await lease.isHeld()).toBe(true);
  await lease.release();
});

it('a renewal that fails leaves the lease, and nothing behind it', async () => {
  const { directory, leases } = place();
  class Full extends DiskObjects {
    isFull = false;
    override async put(...args: Parameters<DiskObjects['put']>): Promise<boolean> {
      const isOurs = await super.put(...args);
      if (this.isFull) throw new Error('the disk says that it has failed');
      return isOurs;
    }
  }
  const objects = new Full(directory);
  stopTime();
  const lease = await Lease.use(objects, 'one');
  const [first = ''] = readdirSync(leases);
  objects.isFull = true;
  await renewed(lease);
  expect(await lease.isHeld()).toBe(true);
  // That one, and not what the failed renewal may have put, is what proves that it is held.
  for (const name of readdirSync(leases)) if (name !== first) await objects.delete(`leases/${name}`);
  expect(await lease.isHeld()).toBe(true);
  await renewed(lease);
  objects.isFull = false;
  await renewed(lease);
  expect(readdirSync(leases)).toHaveLength(2);
  await lease.release();
  expect(readdirSync(leases)).toEqual([]);
  objects.isFull = true;
  await expect(Lease.use(objects, 'two')).rejects.toThrow(/has failed/);
  expect(readdirSync(leases)).toEqual([]);
});

it('whoever cannot list the leases leaves none', async () => {
  const { objects, leases } = place();
  await (await Lease.use(objects, 'one')).release();
  writeFileSync(join(leases, 'x-0'), '{}');
  await expect(Lease.use(objects, 'two')).rejects.toThrow(/is not a lease/);
  await expect(Lease.alone(objects, 'gc')).rejects.toThrow(/is not a lease/);
  expect(readdirSync(leases)).toEqual(['x-0']);
});

it.each([
  ['gone', { isGone: true, stat: undefined }, true],
  ['there, and cannot be looked at', { isGone: false, stat: undefined }, undefined],
  ['there', { isGone: false, stat: 'its own' }, false],
  ['a zombie', { isGone: false, stat: 'Z' }, true],
  ['another one by now', { isGone: false, stat: 'other' }, true],
  ['seen in the /proc of another namespace', { isGone: false, stat: 'foreign' }, undefined],
])('a process that is %s', (_, { isGone, stat }, ended) => {
  const owner = thisProcess();
  const own = readFileSync('/proc/self/stat', 'latin1');
  const stats = new Map([
    ['its own', own],
    ['Z', own.replace(/\) \S /, ') Z ')],
    ['other', own.replace(owner.start ?? '', '1')],
    ['foreign', own.replace(/^\d+/, '1')],
  ]);
  expect(owner.start).toMatch(/^\d+$/);
  expect(hasEnded(owner, () => ({ isGone, stat: stats.get(stat ?? '') }))).toBe(ended);
});

it('a process is looked at', () => {
  const owner = thisProcess();
  expect(hasEnded(owner)).toBe(false);
  expect(hasEnded({ ...owner, start: '1' })).toBe(true);
  expect(hasEnded({ ...owner, pid: 2 ** 22 + 1 })).toBe(true);
  expect(hasEnded({ ...owner, scope: 'another boot' })).toBeUndefined();
});

class Refusing extends DiskObjects {
  readonly #cause: Error;

  constructor(directory: string, cause: Error) {
    super(directory);
    this.#cause = cause;
  }

  override async put(): Promise<boolean> {
    throw storeError(this.#cause, 'cannot write');
  }
}

it('a reader has a lease', async () => {
  const { objects, leases } = place();
  const reading = await startReading(objects, 'one');
  expect(reading.note).toBeUndefined();
  await expect(Lease.alone(objects, 'gc')).rejects.toThrow(/in use by one, process/);
  await reading.check();
  await reading.release();
  expect(readdirSync(leases)).toEqual([]);
});

it.each(['EROFS', 'EACCES', 'EPERM'])(
  'a reader that may not write (%s) has none, and is told',
  async (code) => {
    const { directory } = place();
    const refusing = new Refusing(directory, Object.assign(new Error('no'), { code }));
    const reading = await startReading(refusing, 'one');
    expect(reading.note).toMatch(/cannot be written to: no gc waits/);
    await reading.check();
    await reading.release();
  },
);

it('a store that fails is not taken for one that is only read', async () => {
  const { directory } = place();
  const refusing = new Refusing(directory, Object.assign(new Error('no'), { code: 'EIO' }));
  await expect(startReading(refusing, 'one')).rejects.toThrow(/cannot write/);
});
