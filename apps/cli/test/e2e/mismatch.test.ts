import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run, start, startReceive } from '../helpers/cli.js';
import { writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';
import { endsSoon } from '../helpers/under-way.js';

/** What takes a connection, reads a little, and closes it. @returns its address. */
async function closesAtOnce(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end());
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `tcp:127.0.0.1:${address.port}`;
}

describe('the two ends do not fit', () => {
  const UUID = '550e8400-e29b-41d4-a716-446655440000';

  it('uuid', async () => {
    const destination = await startReceive(['--uuid', UUID]);
    const source = await run(['migrate', 'demo:4M', destination.address]);
    expect(source).toMatchObject({ code: 4, stdout: '' });
    expect(source.stderr).toMatch(
      /the destination says: (?:the source has another guest: )?channel \d+: init packet uuid .*\nhint: .*intact here\n$/,
    );
    expect(source.stderr).toContain('give both ends the same uuid (--uuid; of a QEMU: -uuid)');
    // It is not for a stranger to know.
    expect(source.stderr).not.toContain(UUID);
    await destination.says(/refused 127.0.0.1:\d+: .*uuid/);
    // It waits on, and takes the right one.
    expect((await run(['migrate', 'demo:4M', destination.address, '--uuid', UUID])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });

  it('uuid behind a relay: the source hears what it has sent itself', async () => {
    const OTHER = '550e8400-e29b-41d4-a716-446655449999';
    const destination = await startReceive(['--uuid', UUID]);
    const relay = start(['relay', 'tcp:127.0.0.1:0', destination.address, '--uuid', OTHER]);
    const address = await relay.says(/listening on ([^, ]+)/);
    const source = await run(['migrate', 'demo:4M', address, '--uuid', OTHER]);
    expect(source.code).toBe(4);
    expect(source.stderr).toContain(`expected another, got ${OTHER}`);
    expect((await endsSoon(relay.ended)).code).not.toBe(0);
    destination.child.kill('SIGINT');
    await endsSoon(destination.ended);
  });

  it('more RAM than may be announced, for memory and for images', async () => {
    const directory = tempDirectory();
    for (const target of [[], [`raw:${directory}`]]) {
      const destination = await startReceive([...target, '--max-ram', '8M']);
      const source = await run(['migrate', 'demo:16M', destination.address]);
      expect(source).toMatchObject({ code: 4, stdout: '' });
      expect(source.stderr).toMatch(
        /the destination says: .*16\.1 MiB of RAM, and at most 8\.0 MiB.*--max-ram/,
      );
      const { code, stderr } = await endsSoon(destination.ended);
      expect(code).toBe(4);
      expect(stderr).toMatch(/announces 16\.1 MiB of RAM, and at most 8\.0 MiB.*\nhint: .*--max-ram/);
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('more than a tebibyte, unless it is asked for', async () => {
    const image = join(tempDirectory(), 'huge.ram');
    writeSparse(image, 2 ** 40 + 4096, []);
    const destination = await startReceive([]);
    const source = await run(['migrate', `raw:${image}`, destination.address]);
    expect(source).toMatchObject({ code: 4, stdout: '' });
    expect(source.stderr).toMatch(/the destination says: .*at most 1\.0 TiB/);
    const { code, stderr } = await endsSoon(destination.ended);
    expect(code).toBe(4);
    expect(stderr).toContain('at most 1.0 TiB');
  });

  it('options and machine type: told, and named when a destination closes without a word', async () => {
    const given = ['--machine-compat', '10.0', '--machine-type', 'pc-q35-7.2'];
    const contradicted =
      /^hint: the options contradict machine type pc-q35-7\.2: leave out --machine-compat /m;
    const told =
      /^multifd: machine type pc-q35-7\.2: it wants a sync with each section and zero pages on the main/m;
    const destination = await closesAtOnce();
    const sent = await run(['migrate', 'demo:4M', destination, ...given]);
    expect(sent.code).not.toBe(0);
    expect(sent.stderr).toMatch(told);
    expect(sent.stderr).toMatch(contradicted);

    const relay = start(['relay', 'tcp:127.0.0.1:0', destination, '--machine-compat', '10.0']);
    const address = await relay.says(/listening on ([^, ]+)/);
    await run(['migrate', 'demo:4M', address, '--machine-type', 'pc-q35-7.2']);
    const { stderr } = await endsSoon(relay.ended);
    expect(stderr).toMatch(told);
    expect(stderr).toMatch(contradicted);
  });

  it('machine type', async () => {
    const destination = await startReceive(['--machine-type', 'pc-q35-9.2']);
    const wrong = ['--machine-type', 'virt-9.2'];
    const source = await run(['migrate', 'demo:4M', destination.address, ...wrong, '--json']);
    expect(source.code).toBe(4);
    expect(JSON.parse(source.stdout)).toMatchObject({
      'error-class': 'incompatible',
      'error-desc': expect.stringMatching(
        /^the destination says: .*machine type: expected pc-q35-9.2, got virt-9.2/,
      ),
      'guest-at': 'source',
    });
    await destination.says(/refused 127.0.0.1:\d+: .*virt-9.2/);
    const right = ['--machine-type', 'pc-q35-9.2'];
    expect((await run(['migrate', 'demo:4M', destination.address, ...right])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });

  it.each([
    { channels: 2, wrong: 4, says: 'the source has 4 channels, expected 2' },
    { channels: 3, wrong: 1, says: 'the source has 1 channel, expected 3' },
  ])('$channels channels at the destination, $wrong at the source', async ({ channels, wrong, says }) => {
    const destination = await startReceive(['--channels', `${channels}`]);
    // Told long before a time limit is over: the default is 30 s.
    const limits = ['--setup-timeout', '600000', '--stall-timeout', '600000'];
    const to = ['migrate', 'demo:4M', destination.address, ...limits, '--channels'];
    const source = await run([...to, `${wrong}`]);
    expect(source.code).toBe(4);
    expect(source.stderr).toContain(`the destination says: ${says} (set multifd-channels to the same number`);
    await destination.says(new RegExp(`refused 127.0.0.1:\\d+: ${says} \\(set multifd-channels`));
    // It waits on, for one that fits.
    expect((await run([...to, `${channels}`])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });
});
