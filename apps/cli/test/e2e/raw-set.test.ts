import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { run, startReceive } from '../helpers/cli.js';
import { content, sameFiles, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const KILLED_AT = fileURLToPath(new URL('../fixtures/killed-at.mjs', import.meta.url));
const MIB = 2 ** 20;

/** A guest on the disk, as its images. */
function guest(seed: number, names: readonly string[], directory = tempDirectory()): string {
  mkdirSync(directory, { recursive: true });
  for (const [index, name] of names.entries()) {
    writeSparse(join(directory, name), MIB, [{ at: index * 8192, bytes: content(4096, seed + index) }]);
  }
  return directory;
}

/** Receives a guest as a user does it. */
async function receiveInto(directory: string, from: string, ...options: string[]) {
  const receiving = await startReceive([`raw:${directory}`, ...options]);
  const sent = await run(['migrate', `raw:${from}`, receiving.address, '--json']);
  return { sent, received: await receiving.ended };
}

function isGuest(directory: string, wanted: string): boolean {
  const names = readdirSync(wanted).filter((name) => name.endsWith('.raw'));
  const there = readdirSync(directory).filter((name) => name.endsWith('.raw'));
  return (
    there.join() === names.join() &&
    names.every((name) => sameFiles(join(directory, name), join(wanted, name)))
  );
}

const guests = mkdtempSync(join(tmpdir(), 'multifd-cli-'));
const OLD = guest(1, ['pc.ram.raw', 'vga.raw'], join(guests, 'old'));
const NEW = guest(7, ['pc.ram.raw', 'rom.raw'], join(guests, 'new'));
const held = new Map<string, Promise<string>>();
afterAll(() => rmSync(guests, { recursive: true, force: true }));

/** A directory into which `from` was received: a copy of one that was, since a migration takes much longer. */
async function heldBy(from: string): Promise<string> {
  let once = held.get(from);
  if (once === undefined) {
    once = receiveOnce(from);
    held.set(from, once);
  }
  const directory = join(tempDirectory(), 'images');
  cpSync(await once, directory, { recursive: true });
  return directory;
}

async function receiveOnce(from: string): Promise<string> {
  const directory = `${from}-received`;
  expect(await receiveInto(directory, from)).toMatchObject({ sent: { code: 0 }, received: { code: 0 } });
  return directory;
}

describe('a directory that holds another guest', () => {
  it('is refused before anybody is listened to, and stays as it is', async () => {
    const directory = join(tempDirectory(), 'images');
    expect(await receiveInto(directory, OLD)).toMatchObject({ sent: { code: 0 }, received: { code: 0 } });
    const refused = await run(['receive', 'tcp:127.0.0.1:0', `raw:${directory}`, '--json']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /^multifd: raw:.+: a guest is already there \(pc\.ram\.raw, vga\.raw\)\nhint: .+\n$/,
    );
    expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
    expect(isGuest(directory, OLD)).toBe(true);
  });

  it('with --force holds exactly the new one afterwards', async () => {
    const directory = await heldBy(OLD);
    writeFileSync(join(directory, 'notes'), 'mine');
    expect(await receiveInto(directory, NEW, '--force')).toMatchObject({
      sent: { code: 0 },
      received: { code: 0 },
    });
    expect(isGuest(directory, NEW)).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(['multifd.json', 'notes', 'pc.ram.raw', 'rom.raw']);
    const manifest = JSON.parse(readFileSync(join(directory, 'multifd.json'), 'utf8'));
    expect(manifest).toMatchObject({
      format: 'multifd-raw',
      'format-version': 1,
      state: 'complete',
      'machine-type': 'none',
      uuid: null,
      'page-size': 4096,
      time: expect.stringMatching(/^\d{4}-.+Z$/),
    });
    expect(manifest).not.toHaveProperty('moves');
    expect(manifest.blocks).toEqual([
      { name: 'pc.ram', size: MIB, file: 'pc.ram.raw' },
      { name: 'rom', size: MIB, file: 'rom.raw' },
    ]);
  });

  it('keeps it whole when the migration fails', async () => {
    const directory = await heldBy(OLD);
    const receiving = await startReceive([`raw:${directory}`, '--force']);
    const sending = run(['migrate', 'demo:64M', receiving.address, '--max-bandwidth', '4M']);
    await receiving.says(/listening/);
    for (let tries = 0; tries < 600; tries++) {
      if (readdirSync(directory).some((name) => name.includes('.partial-'))) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    expect((await sending).code).toBe(1);
    expect(readdirSync(directory).sort()).toEqual(['multifd.json', 'pc.ram.raw', 'vga.raw']);
    expect(isGuest(directory, OLD)).toBe(true);
    expect((await run(['migrate', `raw:${directory}`])).code).toBe(0);
  });

  it('of which nobody knows whose they are keeps them: the guest stays at its source', async () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'disk.raw'), 'precious');
    const { sent, received } = await receiveInto(directory, NEW, '--force');
    expect(received.code).toBe(2);
    expect(received.stderr).toMatch(
      /images of blocks that this guest does not have.+: disk\.raw\nhint: .+\n$/,
    );
    expect(sent.code).toBe(1);
    expect(JSON.parse(sent.stdout)).toMatchObject({ 'guest-at': 'source' });
    expect(readdirSync(directory)).toEqual(['disk.raw']);
    expect(readFileSync(join(directory, 'disk.raw'), 'utf8')).toBe('precious');
  });

  it('goes to one of two that came with different blocks at the same time', async () => {
    const directory = tempDirectory();
    const other = guest(3, ['other.raw']);
    const [a, b] = await Promise.all([receiveInto(directory, NEW), receiveInto(directory, other)]);
    expect([a.received.code, b.received.code].sort()).toEqual([0, 2]);
    expect([a.sent.code, b.sent.code].sort()).toEqual([0, 1]);
    expect(isGuest(directory, a.sent.code === 0 ? NEW : other)).toBe(true);
  });
});

describe('the device state of a guest', () => {
  /** What `receive` says at its end of a guest that comes there. */
  async function told(target: string, source: string) {
    const receiving = await startReceive([target, '--json']);
    expect((await run(['migrate', source, receiving.address])).code).toBe(0);
    const { stdout, stderr } = await receiving.ended;
    return {
      document: JSON.parse(stdout),
      notes: stderr.match(/device state, which is dropped/g)?.length ?? 0,
    };
  }

  it('is dropped by raw:, which says so once; kept by file:, or not there', async () => {
    const directory = tempDirectory();
    const running = 'demo:4M,dirty=1M,tracker=marks';
    const raw = await told(`raw:${join(directory, 'a')}`, running);
    expect(raw).toMatchObject({ notes: 1, document: { status: 'completed', 'device-state': 'dropped' } });
    const file = await told(`file:${join(directory, 'b')}`, running);
    expect(file).toMatchObject({ notes: 0, document: { 'device-state': 'kept' } });
    const none = await told(`raw:${join(directory, 'c')}`, 'demo:4M');
    expect(none.notes).toBe(0);
    expect(none.document).not.toHaveProperty('device-state');
  });
});

describe('migrate raw:DIR with a manifest', () => {
  it.each([
    ['an image is missing', (at: string) => rmSync(join(at, 'rom.raw')), 'missing: rom.raw'],
    [
      'there is one of another guest',
      (at: string) => copyFileSync(join(OLD, 'vga.raw'), join(at, 'vga.raw')),
      'not of this guest: vga.raw',
    ],
    [
      'one was cut short',
      (at: string) => truncateSync(join(at, 'pc.ram.raw'), 5000),
      `pc.ram.raw has 5000 bytes and not ${MIB}`,
    ],
  ])('says that %s, in one line', async (_, spoil, words) => {
    const directory = await heldBy(NEW);
    spoil(directory);
    const sent = await run(['migrate', `raw:${directory}`, '--json']);
    expect(sent.code).toBe(2);
    expect(sent.stderr).toMatch(
      /^multifd: raw:.+: not the guest that multifd\.json describes: .+\nhint: .+\n$/,
    );
    expect(sent.stderr).toContain(`describes: ${words}\n`);
    expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
  });

  it.each([
    ['', 'multifd did not write it'],
    ['{"format":"multifd-raw","format-version":2}', 'its format-version is not 1'],
    [
      '{"format":"multifd-raw","format-version":1,"state":"complete","machine-type":"none","uuid":null,"page-size":4096,"device-state":"none","time":"","blocks":[{"name":"a","size":1,"file":"../a.raw"}]}',
      'it is not as multifd writes it',
    ],
  ])('refuses one that is none: %j', async (text, words) => {
    const directory = guest(1, ['pc.ram.raw']);
    writeFileSync(join(directory, 'multifd.json'), text);
    const sent = await run(['migrate', `raw:${directory}`]);
    expect(sent).toMatchObject({ code: 2, stdout: '' });
    expect(sent.stderr).toContain(words);
    const receiving = await run(['receive', 'tcp:127.0.0.1:0', `raw:${directory}`, '--force']);
    expect(receiving).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
  });
});

describe('killed at any step', () => {
  it.each([
    { before: 'nothing', old: undefined },
    { before: 'another guest', old: OLD },
  ])(
    'with $before there: the directory is one guest, or says that it is none',
    async ({ old }) => {
      let killed = 0;
      const seen = new Set<string>();
      for (; ; killed++) {
        const directory = old === undefined ? tempDirectory() : await heldBy(old);
        const env = { ...process.env, MULTIFD_KILL_IN: directory, MULTIFD_KILL_AT: String(killed) };
        const receiving = await startReceive([`raw:${directory}`, '--force'], {
          env: { ...env, NODE_OPTIONS: `--import=${KILLED_AT}` },
        });
        const sent = await run(['migrate', `raw:${NEW}`, receiving.address, '--json']);
        const { signal } = await receiving.ended;
        const state = await stateOf(directory, old);
        seen.add(state);
        // Nothing is lost, whatever it is called.
        expect(holds(directory, NEW)).toBe(true);
        if (old !== undefined && state !== 'new') expect(holds(directory, old)).toBe(true);
        if (signal === null) {
          expect(sent.code).toBe(0);
          expect(state).toBe('new');
          break;
        }
        expect(signal).toBe('SIGKILL');
        // Who has been told of success has found the guest here.
        if (sent.code === 0) expect(state).toBe('new');
        // And another one may come.
        if (state !== 'refused') continue;
        const again = await receiveInto(directory, NEW, '--force');
        expect(again.received, again.received.stderr).toMatchObject({ code: 0 });
        expect(isGuest(directory, NEW)).toBe(true);
      }
      expect([...seen].sort()).toEqual(
        old === undefined ? ['new', 'nothing', 'refused'] : ['new', 'old', 'refused'],
      );
      // At least the manifest's name, the images', and the manifest's again.
      expect(killed).toBeGreaterThan(4);
    },
    600_000,
  );

  /** What `migrate` takes the directory for. */
  async function stateOf(directory: string, old: string | undefined): Promise<string> {
    const sent = await run(['migrate', `raw:${directory}`]);
    if (sent.code === 0) {
      if (isGuest(directory, NEW)) return 'new';
      return old !== undefined && isGuest(directory, old) ? 'old' : 'a mixture';
    }
    if (/no \.raw image/.test(sent.stderr)) return 'nothing';
    expect(sent.stderr).toMatch(/^multifd: raw:.+parts of two guests may be there\nhint: .+\n$/);
    return 'refused';
  }

  /** Whether all images of a guest are there, under any name. */
  function holds(directory: string, wanted: string): boolean {
    const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
    const images = readdirSync(wanted).filter((name) => name.endsWith('.raw'));
    return images.every((name) => files.some((file) => file.equals(readFileSync(join(wanted, name)))));
  }
});
