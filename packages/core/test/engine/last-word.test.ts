import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type ReceiveOptions, receive, relay } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { RelayThreadData } from '../../src/engine/relay/messages.js';
import { Transit } from '../../src/engine/relay/transit.js';
import { completeParameters } from '../../src/parameters.js';
import { COMMAND, encodeCommand } from '../../src/public/wire.js';
import { DestinationControl } from '../../src/recv/control.js';
import { SourceControl } from '../../src/send/control.js';
import { Counters } from '../../src/thread/counters.js';
import { FirstFailure } from '../../src/thread/first-failure.js';
import { BandwidthLimit } from '../../src/transport/bandwidth.js';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { MIB } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const parameters = { multifdChannels: 1, setupTimeout: 20_000, stallTimeout: 20_000 };
const outgoing = { ...parameters, zeroPageDetection: 'none' } as const;
/** SHUT(1): the source keeps its guest, and runs it. */
const REFUSED = Buffer.of(0, 1, 0, 4, 0, 0, 0, 1);

const PING = encodeCommand(COMMAND.PING, Uint8Array.of(0, 0, 0, 1));

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A source that waits for the word: main with `parts`, and a channel. Gives all that it hears until main is closed. */
async function source(address: string, parts: readonly Uint8Array[], channel: readonly Uint8Array[]) {
  const from = new RawSource(address);
  toClose.push(from);
  const main = await from.open(raw.header(), raw.returnPath(), raw.start(BLOCKS), ...parts);
  const heard: Buffer[] = [];
  main.on('data', (bytes: Buffer) => heard.push(bytes));
  const closed = once(main, 'close');
  // As a source does: it closes when it has been told, or when nobody is there any more.
  main.once('end', () => main.end());
  await from.open(raw.init(0), raw.sync(), ...channel);
  return inTime(closed, 'main').then(() => Buffer.concat(heard));
}

const ALL = [raw.part('end'), raw.end()];

/**
 * The thread of a relay's main, with a source that waits for its word; this test is its API thread, and its outgoing side.
 * Gives what the source hears when the thread is told to stop.
 */
async function heardOfAbort(before: (outgoing: SourceControl) => void): Promise<Buffer> {
  const outgoingControl = SourceControl.allocate();
  const data: RelayThreadData = {
    channel: undefined,
    parameters: completeParameters(parameters),
    tls: false,
    pageSize: 4096,
    uuid: new Uint8Array(16),
    machineType: undefined,
    control: DestinationControl.allocate(1).buffer,
    counters: Counters.allocate(2).buffer,
    socketIo: undefined,
    methodModules: [],
    methodSettings: {},
    relay: {
      address: { kind: 'tcp', host: '127.0.0.1', port: 1 },
      tls: undefined,
      parameters: completeParameters(outgoing),
      lineTimeout: completeParameters(outgoing).stallTimeout,
      given: {},
      uuid: new Uint8Array(16),
      pageSize: 4096,
      control: outgoingControl.buffer,
      counters: Counters.allocate(2).buffer,
      bandwidth: BandwidthLimit.allocate(0).buffer,
      socketIo: undefined,
      methodModules: [],
      methodSettings: {},
      transit: Transit.allocate(4096).descriptor,
    },
  };
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const from = new RawSource(`:${address !== null && typeof address === 'object' ? address.port : 0}`);
  const worker = new Worker(new URL('../../dist/entries/relay-incoming.js', import.meta.url), {
    workerData: { jobs: [{ data, claim: new FirstFailure().newThread() }] },
  });
  toClose.push(server, from, { close: () => void worker.terminate() });
  const accepted = once(server, 'connection');
  const main = await from.open(raw.header(), raw.returnPath(), PING);
  const heard: Buffer[] = [];
  const answered = once(main, 'data');
  main.on('data', (bytes: Buffer) => heard.push(bytes));
  main.once('end', () => main.end());
  const closed = once(main, 'close');
  const [socket]: Socket[] = await accepted;
  if (socket === undefined) throw new Error('no connection');
  const connection = { type: 'socket', socket };
  const message = { type: 'connection', connection, peer: 'source', head: new Uint8Array(0) };
  worker.postMessage({ job: 0, message }, [socket]);
  await inTime(answered, 'PONG: it knows that the source waits');
  before(outgoingControl);
  worker.postMessage({ job: 0, message: { type: 'abort' } });
  await inTime(closed, 'main');
  return Buffer.concat(heard);
}

describe('a relay that is told to stop', () => {
  it('tells the source that its guest stays there', async () => {
    const heard = await heardOfAbort(() => {});
    expect(heard.includes(REFUSED)).toBe(true);
  });

  it.each([
    { what: 'the destination may have the guest', act: () => {} },
    { what: 'the destination has it', act: (control: SourceControl) => control.confirm() },
    {
      what: 'the destination may have it and is not waited for',
      act: (control: SourceControl) => control.settle(),
    },
  ])('does not, when $what: it would run twice', async ({ act }) => {
    const heard = await heardOfAbort((control) => {
      control.handOver();
      act(control);
    });
    expect(heard.includes(REFUSED)).toBe(false);
  });

  it('does, when the destination has refused', async () => {
    const heard = await heardOfAbort((control) => {
      control.handOver();
      control.takeBack();
    });
    expect(heard.includes(REFUSED)).toBe(true);
  });
});

describe('a source that keeps its guest is told so', () => {
  async function destination(options: Partial<ReceiveOptions> = {}) {
    const end = await receive({ listen: 'tcp:127.0.0.1:0', parameters, ...options });
    toClose.push(end);
    return end;
  }

  it('main is wrong, by main itself', async () => {
    const end = await destination();
    const heard = source(end.address, [raw.part('end', raw.zeroRecord(64 * MIB, 'pc.ram'))], [raw.sync()]);
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'protocol').guest).toBe('source');
    expect((await heard).includes(REFUSED)).toBe(true);
  });

  it('a channel is wrong, while main waits for its sync', async () => {
    const end = await destination();
    const wrong = raw.packet({ block: 'pc.ram', normal: [64 * MIB] });
    const heard = source(end.address, ALL, [wrong, raw.sync()]);
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'protocol').guest).toBe('source');
    expect((await heard).includes(REFUSED)).toBe(true);
  });

  it('the guest cannot be kept', async () => {
    const end = await destination({
      commit: () => {
        throw new Error('disk full');
      },
    });
    const heard = source(end.address, ALL, [raw.sync()]);
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'guest').guest).toBe('source');
    expect((await heard).includes(REFUSED)).toBe(true);
  });

  it('a destination is cancelled while main sends on', async () => {
    const end = await destination();
    const from = new RawSource(end.address);
    toClose.push(from);
    const many = Buffer.alloc(9 * 100_000);
    for (let at = 0; at < many.length; at += 9) many.set(raw.zeroRecord(0, undefined), at);
    const main = await from.open(raw.header(), raw.returnPath(), raw.start(BLOCKS));
    await from.open(raw.init(0), raw.sync());
    const heard: Buffer[] = [];
    main.on('data', (bytes: Buffer) => heard.push(bytes));
    main.write(raw.part('part', raw.zeroRecord(0, 'pc.ram')).subarray(0, -13));
    for (let write = 0; write < 20; write++) main.write(many);
    const closed = once(main, 'close');
    await pause(500);
    end.close();
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'cancelled').guest).toBe('source');
    await inTime(closed, 'main');
    expect(Buffer.concat(heard).includes(REFUSED)).toBe(true);
  });

  it('the destination behind a relay refuses the guest', async () => {
    const end = await destination({
      commit: () => {
        throw new Error('disk full');
      },
    });
    const between = await relay({
      listen: 'tcp:127.0.0.1:0',
      to: end.address,
      incoming: parameters,
      outgoing,
    });
    toClose.push(between);
    const heard = source(between.address, ALL, [raw.sync()]);
    expectFailure(await outcomeOf(end.result, 'receive'), 'guest');
    expect(expectFailure(await outcomeOf(between.result, 'relay'), 'peer-closed').guest).toBe('source');
    expect((await heard).includes(REFUSED)).toBe(true);
  });
});
