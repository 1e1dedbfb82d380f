import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, eventually, run, start, startReceive } from '../helpers/cli.js';
import { limited, pidsGroup } from '../helpers/limits.js';
import { storeJson } from '../helpers/store.js';
import { tempDirectory } from '../helpers/temp.js';

const group = pidsGroup();
/** A shell that joins the group, which allows so many threads, and then becomes the command. */
const within = (threads: number) => group?.limited(threads) ?? [];
/** Threads of Node itself, and of libuv's pool. */
const NODE = 7;
const POOL = 4;
/** Of a receive with two channels. */
const ENGINE = 3;
/** Node reads its certificates in a thread that ends some time later, and counts until then. */
const BRIEFLY = 1;
/** What `store import` starts. */
const INGEST = Math.min(8, availableParallelism());

/** What is there is enough, or the command says what is missing. */
function refusal({ code, signal, stdout, stderr }: Ended) {
  expect({ code, signal }, stderr).toEqual({ code: 1, signal: null });
  expect(stderr).toMatch(/^multifd: [^\n]+\nhint: [^\n]+\n$/);
  expect(stderr).not.toContain('--channels');
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ status: 'failed', 'error-class': 'io' });
  return document['error-desc'];
}

/** A guest in a file. */
async function guestFile(): Promise<string> {
  const file = join(tempDirectory(), 'guest.mig');
  const receiving = await startReceive([`file:${file}`]);
  expect((await run(['migrate', 'demo:8M', receiving.address])).code).toBe(0);
  expect((await receiving.ended).code).toBe(0);
  return file;
}

describe.skipIf(group === undefined)('a control group that takes few threads', () => {
  /** A guest comes to a receive that can start so many threads more since it listens. */
  async function afterListening(free: number, target: readonly string[], source: readonly string[] = []) {
    const receiving = await startReceive([...target, '--json'], { wrap: within(4096) });
    const before = NODE + POOL + ENGINE;
    await eventually('no other thread is there', () => group?.current === before);
    group?.allow(before + free);
    const sent = await run(['migrate', 'demo:16M', receiving.address, '--no-verify', ...source]);
    return { sent, received: await receiving.ended };
  }

  it.each([
    [['file:guest.mig']],
    [['raw:images']],
    [['memory']],
    [['file:guest.mig', '--multifd-compression', 'zstd']],
  ])('and no more since a receive listens: the guest arrives in %j', async ([place = '', ...options]) => {
    const target = place.replace(':', `:${tempDirectory()}/`);
    const { sent, received } = await afterListening(0, [target, ...options], options);
    expect(sent.code, sent.stderr).toBe(0);
    expect(received.code, received.stderr).toBe(0);
  });

  it('and no more since a receive with digests listens: the guest is there, and it is said why it was not verified', async () => {
    const file = join(tempDirectory(), 'guest.mig');
    const { sent, received } = await afterListening(0, [`file:${file}`], ['--verify']);
    expect(received.code, received.stderr).toBe(0);
    expect(sent.code).toBe(5);
    expect(sent.stderr).toMatch(/^multifd: the destination could not report: .*no more threads/m);
    expect((await run(['migrate', `file:${file}`])).code).toBe(0);
  });

  it.each(INGEST > 1 ? [0, 1] : [0])(
    'and %i more since a receive into a store listens: it fails in a line, and leaves no lease',
    async (free) => {
      const directory = join(tempDirectory(), 'store');
      const { sent, received } = await afterListening(free, [`store:${directory}#a`]);
      expect(received, received.stderr).toMatchObject({ code: 1, signal: null });
      expect(received.stderr).toMatch(
        /\nmultifd: a thread that stores the guest: no more threads.*\nhint: raise/,
      );
      expect(received.stderr).not.toContain('--channels');
      expect(JSON.parse(received.stdout)).toMatchObject({ 'error-class': 'io', 'guest-at': 'source' });
      expect(sent.code).toBe(1);
      expect(sent.stderr).toMatch(/the guest is intact here/);
      expect(readdirSync(join(directory, 'leases'))).toEqual([]);
    },
  );

  it('migrate from a store: the limit is named', async () => {
    const store = join(tempDirectory(), 'store');
    await storeJson(['import', await guestFile(), `${store}#a`]);
    for (let limit = NODE; limit < NODE + POOL; limit++) {
      const ended = await start(['migrate', `store:${store}#a`, '--json'], { wrap: within(limit) }).ended;
      // Node itself warns where it has no thread for certificates.
      const stderr = ended.stderr.replace(/^Warning: .*\n/, '');
      expect(refusal({ ...ended, stderr })).toMatch(/4 more threads are needed, and of \d+ \(pids\.max/);
    }
    expect(readdirSync(join(store, 'leases'))).toEqual([]);
  });

  it('names are looked up by threads too: a metrics server', async () => {
    const receive = ['receive', 'tcp:localhost:0', '--metrics', 'localhost:0', '--json'];
    const ended = await start(receive, { wrap: within(NODE + 1) }).ended;
    expect(refusal(ended)).toMatch(/4 more threads are needed/);
  });

  it('store import: its own threads are counted, and nothing is made', async () => {
    const file = await guestFile();
    const directory = tempDirectory();
    const words = ['store', 'import', file, `${join(directory, 'store')}#a`, '--json'];
    for (let limit = NODE + POOL; limit < NODE + POOL + INGEST; limit++) {
      const ended = await start(words, { wrap: within(limit) }).ended;
      expect(refusal(ended)).toMatch(/^\d+ more threads are needed/);
      expect(readdirSync(directory)).toEqual([]);
    }
    const { code, stderr } = await start(words, { wrap: within(NODE + POOL + INGEST + BRIEFLY) }).ended;
    expect(code, stderr).toBe(0);
  });
});

describe('store import', () => {
  it.skipIf(INGEST < 2)('with little address space: the limit is named', async () => {
    const file = await guestFile();
    const directory = tempDirectory();
    const words = ['store', 'import', file, `${join(directory, 'store')}#a`, '--json'];
    const ended = await start(words, { wrap: limited('-v 3145728') }).ended;
    expect(refusal(ended)).toMatch(/address space.*RLIMIT_AS/);
    expect(readdirSync(directory)).toEqual([]);
  });
});
