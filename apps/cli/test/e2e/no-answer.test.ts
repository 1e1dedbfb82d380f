import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { allocateGuestRam, type MigrationParameters, migrate, openRamBlockSync } from '@multifd/core';
import { inspectFile } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const SLOW_DISK = fileURLToPath(new URL('../fixtures/slow-disk.mjs', import.meta.url));
const BLOCK = { name: 'pc.ram', length: 4 * 2 ** 20 };
const KINDS = ['file', 'raw'] as const;

/** Sends a guest whose first page is full of 7. Without a return path it is gone with its last byte; ours waits for main's end. */
async function send(to: string, more: Partial<MigrationParameters> = {}): Promise<void> {
  const { blocks } = allocateGuestRam([BLOCK], 4096);
  for (const block of blocks) openRamBlockSync(block).write(0, new Uint8Array(4096).fill(7));
  await migrate({
    guest: { ram: { pageSize: 4096, blocks } },
    to,
    parameters: { zeroPageDetection: 'none', returnPath: false, ...more },
  });
}

/** A `receive` whose disk takes a while, and in which directory. */
async function slowReceive(kind: (typeof KINDS)[number], options: readonly string[] = []) {
  const directory = tempDirectory();
  const place = kind === 'file' ? join(directory, 'guest') : directory;
  const env = { ...process.env, NODE_OPTIONS: `--import=${SLOW_DISK}` };
  const receiving = await startReceive([`${kind}:${place}`, '--json', ...options], { env });
  const name = join(directory, kind === 'file' ? 'guest' : 'pc.ram.raw');
  return { ...receiving, directory, name };
}

/** The whole guest is in that file. */
function expectGuest(kind: (typeof KINDS)[number], path: string): void {
  if (kind === 'file') {
    expect(inspectFile(path)).toMatchObject({ format: 'mapped-ram', blocks: [{ name: 'pc.ram' }] });
  } else {
    expect(statSync(path).size).toBe(BLOCK.length);
    expect(
      readFileSync(path)
        .subarray(0, 4096)
        .every((byte) => byte === 7),
    ).toBe(true);
  }
}

describe.each(KINDS)('%s: a source that waits for no answer has let go of its guest', (kind) => {
  it('an interrupt while the disk is waited for comes too late: exit 0, and the guest is kept', async () => {
    const { address, child, says, ended, directory, name } = await slowReceive(kind);
    const sent = send(address).catch((error: unknown) => error);
    await says(/the disk is waited for/);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/too late to cancel/) });
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'guest-at': 'destination' });
    const names = kind === 'file' ? ['guest'] : ['multifd.json', 'pc.ram.raw'];
    expect(readdirSync(directory).sort()).toEqual(names);
    expectGuest(kind, name);
    expect(await sent).toBeUndefined();
  });

  it('a second one ends the process, does not say 130, and leaves the guest where it is', async () => {
    const { address, child, says, ended, directory } = await slowReceive(kind);
    const sent = send(address).catch((error: unknown) => error);
    await says(/the disk is waited for/);
    child.kill('SIGINT');
    await says(/too late to cancel/);
    await says(/interrupted: the guest is being kept; a second signal ends/);
    await delay(400);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/interrupted again: ended at once\nhint: the source did not wait for an answer/);
    const [, path = ''] = /what has come of the guest stays in (\S+)/.exec(stderr) ?? [];
    expect(readdirSync(directory).map((file) => join(directory, file))).toEqual([path]);
    expectGuest(kind, path);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'either', images: [path] });
    await sent;
  });

  it('a name that somebody else has taken meanwhile: the guest keeps the hidden one, and that is told', async () => {
    const { address, says, ended, directory, name } = await slowReceive(kind);
    const sent = send(address).catch((error: unknown) => error);
    await says(/the disk is waited for/);
    writeFileSync(name, 'another');
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(1);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      status: 'failed',
      'guest-at': 'either',
      hint: expect.stringMatching(/what has come of the guest stays in/),
    });
    expect(readFileSync(name, 'utf8')).toBe('another');
    const [path = ''] = document.images;
    expect(readdirSync(directory)).toHaveLength(2);
    expectGuest(kind, path);
    // It cannot know who has the guest: main broke behind its last byte.
    expect(await sent).toMatchObject({ code: 'peer-closed', guest: 'either' });
  });
});

describe.each(KINDS)('%s: a source that waits for the answer keeps its guest', (kind) => {
  it('an interrupt while the disk is waited for: exit 130, and nothing stays', async () => {
    const { address, child, says, ended, directory } = await slowReceive(kind);
    const sent = send(address, { returnPath: true }).catch((error: unknown) => error);
    await says(/the disk is waited for/);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'source' });
    expect(await sent).toMatchObject({ guest: 'source' });
    expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
  });
});

it('an interrupt while pages still come from a source that waits for no answer does not say 130', async () => {
  const { address, child, ended } = await startReceive(['--json']);
  const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 64 * 2 ** 20 }], 4096);
  const sent = migrate({
    guest: { ram: { pageSize: 4096, blocks } },
    to: address,
    parameters: { zeroPageDetection: 'none', returnPath: false, maxBandwidth: 2 ** 20 },
    onEvent: (event) => {
      // A while after the beginning, and long before the end.
      if (event.type === 'progress' && event.statistics.transferred > 2 ** 20) child.kill('SIGINT');
    },
  }).catch((error: unknown) => error);
  const { code, stdout } = await ended;
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'either' });
  expect(await sent).toMatchObject({ guest: 'source' });
});
