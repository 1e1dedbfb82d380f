import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
