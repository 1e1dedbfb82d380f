import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { probe } from '@multifd/host-linux';
import { describe, expect, it } from 'vitest';
import { type Exchange, loadExchange } from '../../src/images/exchange.js';
import { lookAt } from '../../src/images/file-identity.js';
import { FileTarget } from '../../src/images/file-target.js';
import { FinalName } from '../../src/images/final-name.js';
import { OwnFile } from '../../src/images/own-file.js';
import { RawTarget } from '../../src/images/raw-target.js';
import { BLOCKS, received } from '../helpers/received.js';
import { tempDirectory } from '../helpers/temp.js';

const real = loadExchange();
const WAYS: readonly { way: string; exchange: Exchange | undefined }[] = [
  { way: 'exchanged', exchange: real },
  { way: 'moved aside, where the file system exchanges nothing', exchange: () => false },
  { way: 'moved aside, where the machine has no such call', exchange: undefined },
];

/** A complete file that says whose it is, and the name that it wants. */
function wants(directory: string, who: string, replace: boolean, exchange: Exchange | undefined = undefined) {
  const path = join(directory, 'guest');
  const file = OwnFile.make(who, directory, 'guest');
  writeSync(file.fd, who);
  file.resized();
  return { path, file, name: new FinalName(path, { replace, before: lookAt(path), exchange }) };
}

/** By the addon of host-linux. */
const hasAddon = probe().ok;

describe('the name of a complete file', () => {
  it.runIf(hasAddon)('can be exchanged here', () => expect(real).toBeTypeOf('function'));

  it('goes to one of two that want it, and the other stays hidden', () => {
    const directory = tempDirectory();
    const a = wants(directory, 'a', false);
    const b = wants(directory, 'b', false);
    b.name.take(b.file);
    expect(() => a.name.take(a.file)).toThrow(/guest is already there/);
    a.name.giveBack();
    a.file.remove();
    expect(readdirSync(directory)).toEqual(['guest']);
    expect(readFileSync(b.path, 'utf8')).toBe('b');
    b.file.check();
  });

  describe.each(WAYS)('$way', ({ exchange }) => {
    it('replaces what was there at the beginning, keeps it, and puts it back', () => {
      const directory = tempDirectory();
      writeFileSync(join(directory, 'guest'), 'old');
      const a = wants(directory, 'a', true, exchange);
      a.name.take(a.file);
      a.file.check();
      expect(readFileSync(a.path, 'utf8')).toBe('a');
      expect(readdirSync(directory)).toEqual([expect.stringMatching(/^\.guest\.replaced-/), 'guest']);
      a.name.giveBack();
      a.file.remove();
      expect(readFileSync(a.path, 'utf8')).toBe('old');
      expect(readdirSync(directory)).toEqual(['guest']);
    });

    it('does not replace what is younger than the beginning', () => {
      const directory = tempDirectory();
      writeFileSync(join(directory, 'guest'), 'old');
      const a = wants(directory, 'a', true, exchange);
      const b = wants(directory, 'b', true, exchange);
      b.name.take(b.file);
      expect(() => a.name.take(a.file)).toThrow(/has written it since this receive began/);
      b.name.settle();
      a.name.giveBack();
      a.file.remove();
      expect(readFileSync(b.path, 'utf8')).toBe('b');
      expect(readdirSync(directory)).toEqual(['guest']);
    });

    it('nor what was written to meanwhile, or made where nothing was', () => {
      const directory = tempDirectory();
      writeFileSync(join(directory, 'guest'), 'old');
      const a = wants(directory, 'a', true, exchange);
      writeFileSync(a.path, 'another guest');
      expect(() => a.name.take(a.file)).toThrow(/has written it/);
      rmSync(a.path);
      const b = wants(directory, 'b', true, exchange);
      writeFileSync(a.path, 'another guest');
      expect(() => b.name.take(b.file)).toThrow(/has written it/);
      expect(readFileSync(a.path, 'utf8')).toBe('another guest');
    });

    it('replaces a symbolic link itself, and never a directory, FIFO or socket', async () => {
      const directory = tempDirectory();
      writeFileSync(join(directory, 'victim'), 'precious');
      symlinkSync('victim', join(directory, 'guest'));
      const a = wants(directory, 'a', true, exchange);
      a.name.take(a.file);
      expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('precious');
      a.name.giveBack();
      expect(readlinkSync(a.path)).toBe('victim');
      rmSync(a.path);

      mkdirSync(a.path);
      expect(() => wants(directory, 'b', true, exchange).name.check()).toThrow(/is a directory/);
      rmSync(a.path, { recursive: true });
      if (process.platform !== 'linux') return;
      spawnSync('mkfifo', [a.path]);
      expect(() => wants(directory, 'b', true, exchange).name.check()).toThrow(/is a FIFO/);
      rmSync(a.path);
      const server = createServer().listen(a.path);
      await new Promise((resolve) => server.once('listening', resolve));
      expect(() => wants(directory, 'b', true, exchange).name.check()).toThrow(/is a socket/);
      await new Promise((resolve) => server.close(resolve));
    });

    it('leaves alone what somebody else put there after us', () => {
      const directory = tempDirectory();
      writeFileSync(join(directory, 'guest'), 'old');
      const a = wants(directory, 'a', true, exchange);
      a.name.take(a.file);
      rmSync(a.path);
      writeFileSync(a.path, 'theirs');
      expect(() => a.file.check()).toThrow(/has replaced it/);
      expect(() => a.name.giveBack()).toThrow(/what had the name .+guest is now .+\.replaced-/);
      a.file.remove();
      expect(readFileSync(a.path, 'utf8')).toBe('theirs');
      const [aside = ''] = readdirSync(directory);
      expect(readFileSync(join(directory, aside), 'utf8')).toBe('old');
    });
  });

  it('is put back when the exchange has brought out another file than was looked at', () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'guest'), 'old');
    let first = true;
    const late: Exchange = (one, other) => {
      if (first) renameSync(wants(directory, 'younger', false).file.path, other);
      first = false;
      return real?.(one, other) === true;
    };
    const a = wants(directory, 'a', true, late);
    expect(() => a.name.take(a.file)).toThrow(/has written it/);
    expect(readFileSync(a.path, 'utf8')).toBe('younger');
    expect(readFileSync(a.file.path, 'utf8')).toBe('a');
  });
});

describe('two targets of one name', () => {
  const begin = async (make: () => Promise<FileTarget | RawTarget>) => {
    const target = await make();
    target.openRam(BLOCKS, 0, 'none');
    return target;
  };
  const CASES = [
    { kind: 'file', force: false, older: false },
    { kind: 'file', force: true, older: false },
    { kind: 'file', force: true, older: true },
    { kind: 'raw', force: false, older: false },
    { kind: 'raw', force: true, older: false },
    { kind: 'raw', force: true, older: true },
  ];

  it.each(CASES)('$kind, force $force, something there $older: one keeps, the other fails', async (each) => {
    const directory = tempDirectory();
    const names = each.kind === 'file' ? ['guest.mig'] : ['%2From.raw', 'pc.ram.raw'];
    const first = join(directory, names[0] ?? '');
    if (each.older) for (const name of names) writeFileSync(join(directory, name), 'old');
    const make = () =>
      each.kind === 'file'
        ? FileTarget.open(first, { replace: each.force })
        : RawTarget.open(directory, { replace: each.force });
    const targets = [await begin(make), await begin(make)];
    const ends = await Promise.allSettled(targets.map((target) => target.keep(received())));
    const kept = targets.filter((_, index) => ends[index]?.status === 'fulfilled');
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'usage' });
    }
    for (const target of targets) if (!kept.includes(target)) expect(target.discard()).toEqual([]);
    for (const target of kept) expect(target.settle()).toEqual([]);
    const manifest = each.kind === 'file' ? [] : ['multifd.json'];
    expect(readdirSync(directory).sort()).toEqual([...names, ...manifest].sort());
    for (const name of names) expect(statSync(join(directory, name)).size).toBeGreaterThan(3);
  });
});
