import { join } from 'node:path';
import { QmpClient } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { run, start, startReceive } from '../helpers/cli.js';
import { findQmpPython, steer } from '../helpers/qmp-client.js';
import { tempDirectory } from '../helpers/temp.js';

/** `.ci/run` has it, and must not skip this. */
const required = process.env.MULTIFD_REQUIRE_QMP_CLIENT === '1';
const python = findQmpPython() ?? '';
const missing = python === '' && !required ? ': skipped, there is no Python with qemu.qmp here' : '';

const path = (): string => join(tempDirectory(), 'qmp');

describe.skipIf(missing !== '')(`steered by Python's qemu.qmp${missing}`, () => {
  it('a migration that waits for orders is set up, begun, changed, and watched to its end', async () => {
    const receiving = await startReceive(['--channels', '3']);
    const socket = path();
    const migrating = start([
      'migrate',
      'demo:32M,zero=0.25,dirty=1M',
      '--qmp',
      `unix:${socket}`,
      '--defer',
      '--json',
    ]);
    await migrating.says(/QMP on unix:.*, waiting for orders/);
    const seen = await steer(python, socket, 'migrate', receiving.address);
    expect(seen).toMatchObject({
      refused: "GenericError: Capability 'postcopy-ram' is not supported by multifd",
      before: { running: false, status: 'prelaunch' },
      twice: "GenericError: There's a migration process in progress",
      active: { status: 'active' },
      over: { status: 'completed', downtime: expect.any(Number), ram: { remaining: 0 } },
      after: { running: false, status: 'postmigrate' },
      parameters: { 'multifd-channels': 3, 'max-bandwidth': 0, 'zero-page-detection': 'multifd' },
    });
    const { total, normal, duplicate } = seen.over.ram;
    expect((normal + duplicate) * 4096).toBeGreaterThanOrEqual(total);
    const statuses = seen.events.filter(([event]: [string]) => event === 'MIGRATION');
    expect(statuses.map(([, { status }]: [string, { status: string }]) => status)).toEqual([
      'setup',
      'active',
      'device',
      'completed',
    ]);
    expect(seen.events).toContainEqual(['STOP', null]);
    expect(seen.events).toContainEqual(['MIGRATION_PASS', { pass: 2 }]);
    const { code, stdout } = await migrating.ended;
    expect(code).toBe(0);
    // The command's own document says the same of it.
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ status: 'completed', verified: true, channels: 3 });
    expect(document.ram).toEqual({ ...seen.over.ram, 'channel-bytes': expect.any(Array) });
    expect((await receiving.ended).code).toBe(0);
  });

  it('migrate_cancel: the guest runs on, and the command says that it was cancelled', async () => {
    const receiving = await startReceive([]);
    const socket = path();
    const migrating = start(['migrate', 'demo:64M,zero=0,dirty=1M', '--qmp', `unix:${socket}`, '--defer']);
    await migrating.says(/waiting for orders/);
    const seen = await steer(python, socket, 'cancel', receiving.address);
    expect(seen).toMatchObject({
      active: { status: 'active' },
      over: { status: 'cancelled' },
      after: { running: true, status: 'running' },
    });
    const { code, stderr } = await migrating.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(/^multifd: .*cancelled.*\nhint: the guest is intact here$/m),
    });
    expect((await receiving.ended).code).toBe(1);
  });

  it('stop and cont: a guest that is stopped stands still where it arrives', async () => {
    const receiving = await startReceive(['--json']);
    const socket = path();
    const source = 'demo:32M,zero=0,dirty=1M';
    const migrating = start(['migrate', source, '--qmp', `unix:${socket}`, '--defer', '--json']);
    await migrating.says(/waiting for orders/);
    const seen = await steer(python, socket, 'pause', receiving.address);
    expect(seen).toMatchObject({
      running: { running: true, status: 'running' },
      paused: { running: false, status: 'paused' },
      again: { running: true, status: 'running' },
      over: { status: 'completed' },
      left: 'GenericError: the guest has left: it must not run here',
      after: { running: false, status: 'postmigrate' },
      events: ['STOP', 'RESUME', 'STOP'].map((event) => [event, null]),
    });
    const [left, arrived] = await Promise.all([migrating.ended, receiving.ended]);
    expect([left.code, arrived.code]).toEqual([0, 0]);
    const { guest } = JSON.parse(left.stdout);
    expect(guest).toMatchObject({ state: 'stopped', from: 0 });
    // Not one write of its processor is lost, or made after it was stopped.
    expect(JSON.parse(arrived.stdout).guest).toEqual({ state: 'stopped', from: guest.to, to: guest.to });
  });

  it('a destination waits for migrate-incoming', async () => {
    const [socket, listen] = [path(), path()];
    const receiving = start(['receive', '--qmp', `unix:${socket}`, '--defer']);
    await receiving.says(/waiting for orders/);
    const steering = steer(python, socket, 'incoming', `unix:${listen}`);
    await receiving.says(/listening on unix:/);
    const { code, stderr } = await run(['migrate', 'demo:16M', `unix:${listen}`, '--channels', '3']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await steering).toMatchObject({
      before: { running: false, status: 'inmigrate' },
      over: { status: 'completed' },
      after: { running: false, status: 'paused' },
    });
    expect((await receiving.ended).code).toBe(0);
  });

  it.each(['migrate', 'receive', 'relay'])(
    '%s without --defer is asked, over TCP, and ends by itself',
    async (which) => {
      const qmp = ['--qmp', 'tcp:127.0.0.1:0'];
      const receiving = await startReceive(which === 'receive' ? qmp : []);
      const relaying =
        which === 'relay' ? start(['relay', 'tcp:127.0.0.1:0', receiving.address, ...qmp]) : undefined;
      const to = (await relaying?.says(/listening on (tcp:\S+)/)) ?? receiving.address;
      const slow = ['--max-bandwidth', '16M'];
      const early = which === 'migrate' ? undefined : await (relaying ?? receiving).says(/QMP on tcp:(\S+)/);
      const watching = early === undefined ? undefined : steer(python, early, 'watch');
      const migrating = start([
        'migrate',
        'demo:32M,zero=0',
        to,
        ...slow,
        ...(which === 'migrate' ? qmp : []),
      ]);
      const watched = watching ?? steer(python, await migrating.says(/QMP on tcp:(\S+)/), 'watch');
      expect((await watched).seen).toContain('active');
      for (const each of [migrating, relaying, receiving]) expect((await each?.ended)?.code ?? 0).toBe(0);
    },
  );
});

describe('a monitor', () => {
  it('migrate-incoming fails where nothing can listen', async () => {
    const [socket, taken] = [path(), await startReceive([])];
    const waiting = start(['receive', '--qmp', `unix:${socket}`, '--defer']);
    await waiting.says(/waiting for orders/);
    const client = await QmpClient.connect({ path: socket });
    await expect(client.execute('migrate-incoming', { uri: taken.address })).rejects.toThrow(/in use/);
    expect(await client.execute('query-migrate')).toMatchObject({ status: 'failed' });
    await client.execute('quit');
    client.close();
    expect((await waiting.ended).code).toBe(1);
    taken.child.kill('SIGINT');
    expect((await taken.ended).code).toBe(130);
  });

  it.each([
    [['migrate', 'demo:1M', '--defer'], /--defer waits for an order over QMP: give --qmp ADDRESS too/],
    [
      ['migrate', 'demo:1M', '--qmp', 'tcp:0.0.0.0:1'],
      /0\.0\.0\.0 is no loopback address\nhint: whoever reaches/,
    ],
    [['receive', '--qmp', '4444'], /4444.*\nhint: write tcp:HOST:PORT/],
    [['migrate', 'demo:1M', '--qmp', 'unix:/nowhere/at/all'], /there is no directory/],
  ])('%j is a mistake of usage', async (args, words) => {
    const { code, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(words) });
  });

  it('that waits for orders ends by a signal', async () => {
    const migrating = start(['migrate', 'demo:1M', '--qmp', `unix:${path()}`, '--defer']);
    await migrating.says(/waiting for orders/);
    migrating.child.kill('SIGINT');
    expect((await migrating.ended).code).toBe(130);
  });
});

it('cancelled while its guest is still being made: the command stays, says so, and ends at quit', async () => {
  const socket = path();
  const migrating = start(['migrate', 'demo:4G,zero=0', '--qmp', `unix:${socket}`, '--defer']);
  await migrating.says(/waiting for orders/);
  const client = await QmpClient.connect({ path: socket });
  await client.execute('migrate', { uri: 'tcp:127.0.0.1:1' });
  await client.execute('migrate_cancel');
  await migrating.says(/ends at the QMP command quit/);
  const info = await client.execute('query-migrate');
  expect(info).toMatchObject({ status: 'cancelled' });
  await expect(client.execute('migrate', { uri: 'tcp:127.0.0.1:1' })).rejects.toThrow(/migrates once/);
  await client.execute('quit');
  client.close();
  expect((await migrating.ended).code).toBe(130);
});

it('a guest that did not leave runs on until quit, and can be stopped and started', async () => {
  const socket = path();
  const migrating = start(['migrate', 'demo:16M,dirty=1M', '--qmp', `unix:${socket}`, '--defer', '--json']);
  await migrating.says(/waiting for orders/);
  const client = await QmpClient.connect({ path: socket });
  // What cannot be read as an address is refused at once, and costs nothing.
  await expect(client.execute('migrate', { uri: 'tcp:127.0.0.1' })).rejects.toThrow(/error parsing address/);
  expect(await client.execute('query-migrate')).toEqual({});
  await client.execute('migrate', { uri: 'tcp:127.0.0.1:1' });
  await migrating.says(/ends at the QMP command quit/);
  expect(await client.execute('query-migrate')).toMatchObject({ status: 'failed' });
  expect(await client.execute('query-status')).toEqual({ running: true, status: 'running' });
  await client.execute('stop');
  await client.execute('cont');
  expect(await client.execute('query-status')).toEqual({ running: true, status: 'running' });
  await client.execute('stop');
  expect(await client.execute('query-status')).toEqual({ running: false, status: 'paused' });
  await client.execute('quit');
  client.close();
  const { code, stdout } = await migrating.ended;
  expect(code).toBe(1);
  const { guest } = JSON.parse(stdout);
  expect(guest).toMatchObject({ state: 'stopped', from: 0 });
  // It has written all the time.
  expect(guest.to).toBeGreaterThan(0);
});
