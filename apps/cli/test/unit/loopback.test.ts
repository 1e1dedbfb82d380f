import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MultifdError } from '@multifd/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LoopbackDestination } from '../../src/loopback/destination.js';
import { tempDirectory } from '../helpers/temp.js';

/** A loopback destination that runs `script` in place of the command. */
function destination(script: string): LoopbackDestination {
  const file = join(tempDirectory(), 'entry.mjs');
  writeFileSync(file, script);
  const loopback = new LoopbackDestination([], pathToFileURL(file));
  onTestFinished(() => loopback.close());
  return loopback;
}

const never = new AbortController().signal;

describe('a loopback destination', () => {
  it('that says nothing is given up after the time that it has', async () => {
    const loopback = destination('setInterval(() => {}, 1000)');
    await expect(loopback.address(never, 200)).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('200 ms'),
      hint: expect.stringContaining('--setup-timeout'),
    });
  });

  it('that speaks in time is where it says', async () => {
    const loopback = destination("process.send({ type: 'listening', address: 'tcp:127.0.0.1:1' })");
    expect(await loopback.address(never, 60_000)).toBe('tcp:127.0.0.1:1');
  });

  it('that dies is not waited for', async () => {
    const loopback = destination('process.exit(7)');
    await expect(loopback.address(never, 60_000)).rejects.toMatchObject({
      code: 'peer-closed',
      message: expect.stringContaining('exit code 7'),
    });
  });
});

describe('what a loopback destination adds to what the source saw', () => {
  const seen = new MultifdError('peer-closed', 'main stream: the destination closed the connection', {
    hint: "see the destination's own message; the guest is intact here",
    guest: 'source',
  });

  it('that it was killed: the cause first, and where the guest is', async () => {
    const loopback = destination("process.kill(process.pid, 'SIGKILL')");
    expect(await loopback.explain(seen)).toMatchObject({
      code: 'peer-closed',
      message:
        'the loopback destination was ended by SIGKILL (main stream: the destination closed the connection)',
      hint: 'the guest is intact here',
      guest: 'source',
    });
  });

  it('that it was killed before it listened: once', async () => {
    const loopback = destination("process.kill(process.pid, 'SIGKILL')");
    const error: unknown = await loopback.address(never, 60_000).catch((caught: unknown) => caught);
    expect(await loopback.explain(error)).toMatchObject({
      message: 'the loopback destination was ended by SIGKILL',
    });
  });

  it("its reason and its advice, but this side's word of where the guest is", async () => {
    const report = {
      code: 'io',
      message: 'no room',
      hint: 'make room; the guest was not handed over: it is at its source, if that still runs',
      guest: 'source',
    };
    const loopback = destination(`process.send({ type: 'failed', error: ${JSON.stringify(report)} })`);
    const both = new MultifdError('peer-closed', seen.message, { guest: 'either' });
    expect(await loopback.explain(both)).toMatchObject({
      code: 'io',
      message: 'destination: no room',
      hint: 'make room; both may have the guest: make sure that the guest does not run there',
      guest: 'either',
    });
  });

  it('that it saw the connection closed, too: the words of this side stay', async () => {
    const report = { code: 'peer-closed', message: 'channel 0: the source closed it', guest: 'source' };
    const loopback = destination(`process.send({ type: 'failed', error: ${JSON.stringify(report)} })`);
    expect(await loopback.explain(seen)).toMatchObject({
      message: `${seen.message} (channel 0: the source closed it)`,
      hint: seen.hint,
      guest: 'source',
    });
  });
});
