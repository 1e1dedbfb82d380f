import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chooseCodec } from '../../src/codecs/choose.js';
import { run, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/custom-codec', import.meta.url));
const TEXT = 'demo:32M,fill=text';

/** Why a codec cannot run on this machine: then the command must say so. */
async function refusalOf(name: string): Promise<string | undefined> {
  return chooseCodec(name, process.cwd(), new AbortController().signal).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const refused = new Map(
  await Promise.all(['zlib', 'zstd'].map(async (name) => [name, await refusalOf(name)] as const)),
);
const haveBoth = [...refused.values()].every((reason) => reason === undefined);

it('what is required to be there, is', () => {
  expect(process.env.MULTIFD_NATIVE === 'required' && !haveBoth).toBe(false);
});

describe('each method does the main job, or says why not', () => {
  for (const [name, reason] of refused) {
    it(reason === undefined ? `${name}: verified` : `${name}: exit code 3, ${reason}`, async () => {
      const { code, stdout, stderr } = await run(['migrate', TEXT, '--compression', name, '--json']);
      if (reason !== undefined) {
        expect(code).toBe(3);
        // The command names the option as it was typed.
        expect(stderr).toContain(reason.replace(/^multifdCompression /, '--compression '));
        return;
      }
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const answer = JSON.parse(stdout);
      expect(answer).toMatchObject({
        verified: true,
        'multifd-compression': name,
        compression: { name, requested: name, level: 1, detail: expect.stringContaining(name) },
      });
      const { ram } = answer;
      expect(ram['multifd-bytes']).toBeLessThan(ram['normal-bytes'] / 3);
      expect(ram.transferred).toBeLessThan(ram['normal-bytes'] / 3);
    });
  }

  it('none says so', async () => {
    const { stdout } = await run(['migrate', 'demo:4M', '--compression', 'none', '--json']);
    expect(JSON.parse(stdout).compression).toEqual({
      name: 'none',
      requested: 'none',
      detail: 'pages as they are',
    });
  });
});

describe.skipIf(!haveBoth)('zlib and zstd', () => {
  it.each([
    ['zlib', 'multifd', 1],
    ['zlib', 'none', 4],
    ['zstd', 'legacy', 1],
    ['zstd', 'multifd', 4],
  ])('a running guest, %s, zero-page-detection %s, %i channels', async (method, detection, channels) => {
    const { code, stdout, stderr } = await run([
      // Much less than one channel of zlib compresses meanwhile, on a machine with other work, too: it has to converge.
      ...['migrate', 'demo:64M,zero=0.5,dirty=8M', '--json', '--channels', `${channels}`],
      ...['--multifd-compression', method, '--zero-page-detection', detection],
    ]);
    // On a busy machine the guest may write faster than it is compressed: that is said, and is no failure.
    const said = stderr.split('\n').filter((line) => line !== '' && !line.includes('dirties memory'));
    expect({ code, said }).toEqual({ code: 0, said: [] });
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, compression: { name: method } });
  });

  it('a higher level makes less of it, and the summary names it', async () => {
    const bytes = async (level: string): Promise<number> => {
      const args = ['migrate', TEXT, '--compression', 'zlib', '--multifd-zlib-level', level, '--json'];
      const answer = JSON.parse((await run(args)).stdout);
      expect(answer.compression.level).toBe(Number(level));
      return answer.ram['multifd-bytes'];
    };
    const [stored, best] = [await bytes('0'), await bytes('9')];
    expect(stored).toBeGreaterThan(4 * best);
    const { stdout } = await run(['migrate', TEXT, '--compression', 'zstd', '--multifd-zstd-level', '7']);
    expect(stdout).toMatch(/^channels: 2 \(.*compression zstd, level 7, \d+\.\d\d to 1\)$/m);
  });

  it('both ends differ: the destination ends with exit code 4 and says what to do', async () => {
    const receiving = await startReceive(['--compression', 'zlib', '--json']);
    const args = ['migrate', TEXT, receiving.address, '--compression', 'zstd', '--no-verify', '--json'];
    const [sent, received] = [await run(args), await receiving.ended];
    expect(received.code).toBe(4);
    expect(received.stderr).toMatch(
      /channel \d, packet \d+: compression flags at byte 8: expected zlib \(0x2\), which this end uses, got zstd/,
    );
    expect(received.stderr).toMatch(
      /^hint: set multifd-compression to the same method on both ends; the guest was not handed over: it is at its source, if that still runs$/m,
    );
    expect(sent.code).toBe(4);
    expect(sent.stderr).toMatch(
      /^multifd: the destination says: channel \d, packet \d+: compression flags at byte 8/m,
    );
  });

  it('relay: plain in, zstd out, and zlib on', async () => {
    const receiving = await startReceive(['--compression', 'zlib', '--json']);
    const second = start([
      ...['relay', 'tcp:127.0.0.1:0', receiving.address, '--json'],
      ...['--compression', 'zstd', '--outgoing-multifd-compression', 'zlib'],
    ]);
    const first = start([
      ...['relay', 'tcp:127.0.0.1:0', await second.says(/listening on (tcp:\S+)/), '--json'],
      ...['--outgoing-multifd-compression', 'zstd', '--multifd-zstd-level', '3'],
    ]);
    const sent = await run([
      'migrate',
      TEXT,
      await first.says(/listening on (tcp:\S+)/),
      '--verify',
      '--json',
    ]);
    expect(sent.code, `${sent.stderr}${first.stderr()}${second.stderr()}${receiving.stderr()}`).toBe(0);
    expect(JSON.parse(sent.stdout)).toMatchObject({ verified: true, compression: { name: 'none' } });
    const relayed = JSON.parse((await first.ended).stdout);
    expect(relayed).toMatchObject({
      incoming: { compression: { name: 'none' } },
      outgoing: { compression: { name: 'zstd', level: 3 } },
    });
    expect(relayed.outgoing.transferred).toBeLessThan(relayed.incoming.transferred / 3);
    expect(JSON.parse((await second.ended).stdout)).toMatchObject({
      incoming: { compression: { name: 'zstd' } },
      outgoing: { compression: { name: 'zlib', level: 1 } },
    });
    const received = JSON.parse((await receiving.ended).stdout);
    expect(received).toMatchObject({ 'multifd-compression': 'zlib', compression: { name: 'zlib' } });
    expect(received.ram.received).toBeLessThan(received.ram['normal-bytes'] / 3);
  });
});

describe("a stranger's codec", () => {
  it('the example, by path', async () => {
    const { code, stdout } = await run(['migrate', TEXT, '--multifd-compression', EXAMPLE, '--json']);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ verified: true, compression: { name: 'brotli', requested: EXAMPLE } });
    expect(answer.ram['multifd-bytes']).toBeLessThan(answer.ram['normal-bytes'] / 3);
  });

  it('the example, by package name', async () => {
    const cwd = tempDirectory();
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(EXAMPLE, join(cwd, 'node_modules', 'multifd-custom-codec'));
    const name = 'multifd-custom-codec';
    const { code, stdout } = await run(['migrate', TEXT, '--compression', name, '--json'], { cwd });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ compression: { name: 'brotli', requested: name } });
  });

  it.each([
    [
      'cannot run',
      'probe: () => ({ ok: false, reason: "no device", fix: "get one" })',
      /no device\nhint: get one/,
    ],
    ['has a flag of QEMU', 'flag: 0x04', /does not export methods/],
    ['has another contract', 'specVersion: 2', /does not export methods/],
    ['has the name that stands for a choice', 'name: "auto"', /does not export methods/],
  ])('one that %s: exit code 3', async (_what, member, says) => {
    const cwd = tempDirectory();
    const right = 'specVersion: 1, name: "mine", flag: 0x06, probe: () => ({ ok: true, detail: "runs" })';
    const hooks = 'sendSetup() {}, recvSetup() {}';
    writeFileSync(join(cwd, 'codec.mjs'), `export const methods = [{ ${right}, ${hooks}, ${member} }];`);
    for (const command of [
      ['migrate', 'demo:4M'],
      ['receive', 'tcp:127.0.0.1:0'],
    ]) {
      const { code, stderr } = await run([...command, '--compression', './codec.mjs'], { cwd });
      expect(code).toBe(3);
      expect(stderr).toMatch(says);
    }
  });

  it('one that never loads does not keep an interrupt waiting', async () => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'codec.mjs'), "console.error('loading'); await new Promise(() => {});");
    const started = start(['migrate', 'demo:4M', '--compression', './codec.mjs'], { cwd });
    await started.says(/loading/);
    started.child.kill('SIGINT');
    const { code, stderr } = await started.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^multifd: interrupted$/m);
  });

  it('a module that brings two does not say which', async () => {
    const cwd = tempDirectory();
    const one = 'specVersion: 1, probe() {}, sendSetup() {}, recvSetup() {}';
    const both = `{ ${one}, name: "a", flag: 6 }, { ${one}, name: "b", flag: 10 }`;
    writeFileSync(join(cwd, 'codec.mjs'), `export const methods = [${both}];`);
    const { code, stderr } = await run(['migrate', 'demo:4M', '--compression', './codec.mjs'], { cwd });
    expect(code).toBe(3);
    expect(stderr).toMatch(/has 2 compression methods \(a, b\)/);
  });
});

/** Which of the two is taken is a matter of their speed at that moment. */
const COMPRESSES = expect.stringMatching(/^(zlib|zstd)$/);

describe.skipIf(!haveBoth)('auto', () => {
  it.each([
    { fill: 'text', what: 'a method that compresses', chosen: COMPRESSES },
    { fill: 'random', what: 'none', chosen: 'none' },
  ])('on a slow line, memory of $fill: $what, and says why', async ({ fill, chosen }) => {
    const limit = ['--max-bandwidth', '16M', '--json'];
    const { code, stdout, stderr } = await run([
      'migrate',
      `demo:64M,fill=${fill}`,
      '--compression',
      'auto',
      ...limit,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { verified, compression, ram } = JSON.parse(stdout);
    expect({ verified, name: compression.name }).toEqual({ verified: true, name: 'auto' });
    expect(compression.chosen).toMatchObject({
      name: chosen,
      reason: expect.stringContaining('the line takes'),
    });
    expect(compression.chosen.measured[0]).toMatchObject({ name: 'zstd' });
    if (chosen !== 'none') expect(ram['multifd-bytes']).toBeLessThan(ram['normal-bytes']);
    else expect(ram['multifd-bytes']).toBeGreaterThan(ram['normal-bytes']);
  });

  it('a guest that runs, and a relay that takes what comes', async () => {
    const receiving = await startReceive(['--compression', 'auto', '--json']);
    const relay = start([
      ...['relay', 'tcp:127.0.0.1:0', receiving.address, '--json'],
      ...['--compression', 'auto', '--outgoing-multifd-compression', 'zlib'],
    ]);
    const { code, stdout, stderr } = await run([
      ...['migrate', 'demo:64M,fill=text,dirty=4M', await relay.says(/listening on (tcp:\S+)/), '--json'],
      ...['--compression', 'auto', '--max-bandwidth', '16M', '--verify', '--zero-page-detection', 'legacy'],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      verified: true,
      compression: { chosen: { name: COMPRESSES } },
    });
    expect((await relay.ended).code).toBe(0);
    expect((await receiving.ended).code).toBe(0);
  });

  it('a guest with little in it, at its start', async () => {
    const path = join(tempDirectory(), 'image');
    writeFileSync(path, 'a log of what was said, once and again\n'.repeat(500_000));
    truncateSync(path, 128 * 2 ** 20);
    const limit = ['--max-bandwidth', '8M', '--json'];
    const { stdout } = await run(['migrate', `raw:${path}`, '--compression', 'auto', ...limit]);
    expect(JSON.parse(stdout)).toMatchObject({
      verified: true,
      compression: { chosen: { name: COMPRESSES } },
    });
  });

  it('a destination with auto takes any method, one with a method no other', async () => {
    for (const name of ['none', 'zlib', 'zstd']) {
      const receiving = await startReceive(['--compression', 'auto']);
      const { code, stderr } = await run(['migrate', TEXT, receiving.address, '--compression', name]);
      expect({ code, stderr }, name).toEqual({ code: 0, stderr: '' });
      expect((await receiving.ended).code).toBe(0);
    }
  });

  it('is nothing for the outgoing side of a relay', async () => {
    const { code, stderr } = await run(['relay', 'tcp::0', 'tcp:127.0.0.1:1', '--compression', 'auto']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^multifd: the outgoing side of a relay cannot choose/);
  });
});
