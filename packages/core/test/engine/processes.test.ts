import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { fixture, PLAIN } from '../support/fixtures.js';
import { HoldingLine } from '../support/holding-line.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { move } from '../support/pair.js';
import { Peer } from '../support/processes.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const SLOW = { maxBandwidth: 2 * MIB, stallTimeout: 3000, setupTimeout: 3000, idleTimeout: 3000 };
const peers: Peer[] = [];

function start(name: string, argument: unknown): Peer {
  const peer = new Peer(name, argument);
  peers.push(peer);
  return peer;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`not a string: ${String(value)}`);
  return value;
}

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

describe('the destination process is killed', () => {
  for (const state of ['setup', 'active', 'device'] as const) {
    it(`in ${state}`, async () => {
      const calls: string[] = [];
      const guest = {
        ram: createGuestRam({ seed, live: true }),
        stop: () => void calls.push('stop'),
        resume: () => void calls.push('resume'),
      };
      const peer = start('destination.mjs', { hold: state });
      const { address } = await peer.line({ type: 'listening' });
      const slow = state === 'device' ? { ...SLOW, maxBandwidth: 0 } : SLOW;
      // In setup one channel more is awaited than will come.
      const sent = outcomeOf(
        migrate({
          guest,
          to: text(address),
          accelerator: PLAIN,
          parameters: slow,
          onEvent: ({ type }) => {
            if (state === 'setup' && type === 'status') void peer.kill();
          },
        }),
        'migrate',
      );
      if (state === 'active') await peer.line({ type: 'status', status: 'active' });
      if (state === 'device') await peer.line({ type: 'status', status: 'device' });
      await peer.kill();
      expectFailure(await sent, ['peer-closed', 'io', 'timeout']);
      expect(calls).toEqual(state === 'device' ? ['stop', 'resume'] : []);
      await move({ guest });
    });
  }
});

describe('the source process is killed', () => {
  for (const state of ['active', 'device'] as const) {
    it(`in ${state}`, async () => {
      const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters: SLOW });
      const parameters = { ...SLOW, maxBandwidth: state === 'active' ? 2 * MIB : 0 };
      const peer = start('source.mjs', { to: incoming.address, parameters, hold: state });
      await peer.line(state === 'active' ? { type: 'progress' } : { type: 'stopping' });
      await peer.kill();
      const outcome = await outcomeOf(incoming.result, 'receive');
      expectFailure(outcome, 'peer-closed', /main stream|channel/);
    });
  }

  it('in setup, with a channel still to come', async () => {
    const parameters = { ...SLOW, multifdChannels: 3 };
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
    const line = await HoldingLine.open(incoming.address, ({ channel }) => channel === 2);
    const peer = start('source.mjs', { to: line.address, parameters });
    await line.passed(3);
    await peer.kill();
    line.close();
    // It has not shown all its connections: the destination waits for the next one.
    const guest = { ram: createGuestRam({ seed, fill: (page, index) => page.fill(index % 7) }) };
    const sent = migrate({ guest, to: incoming.address, accelerator: PLAIN, parameters });
    expectValue(await outcomeOf(sent, 'migrate'));
    expectValue(await outcomeOf(incoming.result, 'receive'));
  });
});

describe('two processes', () => {
  it('migrate, and the destination ends by itself', async () => {
    const peer = start('destination.mjs', { parameters: { multifdChannels: 4 } });
    const { address } = await peer.line({ type: 'listening' });
    const guest = { ram: createGuestRam({ seed, fill: (page, index) => page.fill(index % 7) }) };
    const sent = outcomeOf(
      migrate({ guest, to: text(address), accelerator: PLAIN, parameters: { multifdChannels: 4 } }),
      'migrate',
    );
    expectValue(await sent);
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256');
    for (let page = 0; page < 2048; page++) hash.update(new Uint8Array(4096).fill(page % 7));
    const { sha256 } = await peer.line({ type: 'completed' });
    expect(sha256).toBe(hash.digest('hex'));
    expect(await peer.ended()).toBe(0);
  });
});

describe('nothing keeps the process alive after a migration that', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multifd-'));
  afterEach(() => rmSync(join(folder, 'socket'), { force: true }));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['completes', []],
    ['without return path', []],
    ['is refused', ['incompatible', 'incompatible']],
    ['is cancelled', ['cancelled', 'peer-closed']],
    ['has a broken accelerator', ['accelerator', 'peer-closed']],
    ['finds nobody', ['io']],
    ['cannot listen', ['usage']],
    ['waits for nobody', ['cancelled']],
    ['has many silent strangers', ['cancelled']],
    ['uses a unix socket', []],
  ])('%s', async (way, codes) => {
    const child = spawn(
      process.execPath,
      [fileURLToPath(fixture('ends-by-itself.mjs')), way, join(folder, 'socket')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      await inTime(once(child, 'exit'), 'the process', 30_000);
    } finally {
      child.kill('SIGKILL');
    }
    const lines = said.trim().split('\n');
    expect(lines.at(-1)).toBe('end');
    expect(lines.slice(0, -1).sort()).toEqual([...codes].sort());
    expect(child.exitCode).toBe(0);
  });
});
