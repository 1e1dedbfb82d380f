import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MigrationMonitor } from '../../src/monitor/migration-monitor.js';
import { QEMU_CAPABILITIES } from '../../src/qmp/capabilities.js';
import { QmpClient } from '../../src/qmp/client.js';
import {
  migrate,
  migrateCancel,
  queryMigrate,
  setCapabilities,
  setParameters,
} from '../../src/qmp/commands.js';
import { converse, REFUSED } from '../support/monitor-words.js';
import { monitored, STATISTICS } from '../support/monitored.js';

const NEGOTIATE = '{"execute":"qmp_capabilities"}';

describe('a monitor', () => {
  it('refuses with the words of QEMU 10.0', async () => {
    const { path } = await monitored();
    const answers = await converse(path, [NEGOTIATE, ...REFUSED.map(([text]) => text)]);
    const refusals = REFUSED.map(([, kind, desc]) => ({ error: { class: kind, desc } }));
    expect(answers.slice(1)).toEqual([{ return: {} }, ...refusals]);
  });

  it('answers nothing but the negotiation before it', async () => {
    const { path } = await monitored();
    const [greeting, refused, done] = await converse(path, [
      '{"execute":"query-status","id":{"a":[1]}}',
      NEGOTIATE,
    ]);
    expect(greeting).toEqual({
      QMP: {
        version: { qemu: { major: 10, minor: 0, micro: 0 }, package: 'multifd test' },
        capabilities: [],
      },
    });
    expect(refused).toMatchObject({ id: { a: [1] }, error: { class: 'CommandNotFound' } });
    expect(done).toEqual({ return: {} });
  });

  it('has no capability of QMP to turn on', async () => {
    const { path } = await monitored();
    const wanting = (enable: unknown): string =>
      JSON.stringify({ execute: 'qmp_capabilities', arguments: { enable } });
    const [, oob, wrong, none, done] = await converse(path, [
      wanting(['oob']),
      wanting(3),
      wanting([]),
      '{"execute":"query-status"}',
    ]);
    expect(oob).toEqual({ error: { class: 'GenericError', desc: 'Capability oob not available' } });
    expect(wrong).toMatchObject({
      error: { desc: "Invalid parameter type for 'enable', expected: array" },
    });
    expect([none, done]).toEqual([{ return: {} }, { return: { running: true, status: 'running' } }]);
  });

  it('answers what came before a command that cannot be read, and then why that is the end', async () => {
    const { path } = await monitored();
    const answers = await converse(path, [
      `${NEGOTIATE}{"execute":"query-status","id":1}{"id":"${'x'.repeat(2 ** 21)}`,
      // It only listens for these two.
      ' ',
      ' ',
    ]);
    expect(answers.slice(1)).toEqual([
      { return: {} },
      { return: { running: true, status: 'running' }, id: 1 },
      { error: { class: 'GenericError', desc: expect.stringMatching(/limit exceeded/) } },
    ]);
  });

  it('takes the bandwidth that libvirt sets where nobody asked for one', async () => {
    const { client, monitor } = await monitored();
    const qmp = await client();
    await setParameters(qmp, { 'max-bandwidth': 2 ** 63 - 2 ** 20 });
    expect(monitor.parameters['max-bandwidth']).toBe(Number.MAX_SAFE_INTEGER);
    for (const wrong of [-1, 1.5, 2 ** 65])
      await expect(setParameters(qmp, { 'max-bandwidth': wrong })).rejects.toThrow(/expects uint64/);
  });

  it('gives a migration what was set before it, and then only what may change', async () => {
    const { client, told, monitor } = await monitored();
    const qmp = await client();
    await setCapabilities(qmp, { 'return-path': false, 'auto-converge': true });
    await setParameters(qmp, { 'cpu-throttle-initial': 40 });
    await setParameters(qmp, { 'multifd-channels': 4, 'max-bandwidth': 1000, 'multifd-compression': 'zstd' });
    await migrate(qmp, 'tcp:127.0.0.1:4444');
    expect(told).toEqual([
      {
        uri: 'tcp:127.0.0.1:4444',
        returnPath: false,
        autoConverge: true,
        parameters: {
          'throttle-trigger-threshold': 50,
          'cpu-throttle-initial': 40,
          'cpu-throttle-increment': 10,
          'max-cpu-throttle': 99,
          'multifd-channels': 4,
          'multifd-compression': 'zstd',
          'zero-page-detection': 'multifd',
          'max-bandwidth': 1000,
          'downtime-limit': 300,
        },
      },
    ]);
    const inProgress = /There's a migration process in progress/;
    await expect(migrate(qmp, 'tcp:127.0.0.1:4445')).rejects.toThrow(inProgress);
    await expect(setCapabilities(qmp, { events: true })).rejects.toThrow(inProgress);
    await expect(setParameters(qmp, { 'multifd-channels': 8 })).rejects.toThrow(
      /'multifd-channels' cannot be changed while/,
    );
    await setParameters(qmp, { 'max-bandwidth': 2000, 'downtime-limit': 10 });
    expect(told.at(-1)).toEqual({ 'max-bandwidth': 2000, 'downtime-limit': 10 });
    await migrateCancel(qmp);
    expect(told.at(-1)).toBe('cancel');
    monitor.onEvent({ type: 'status', status: 'cancelling' });
    monitor.onEvent({ type: 'status', status: 'cancelled' });
    await migrateCancel(qmp);
    expect(told.filter((each) => each === 'cancel')).toHaveLength(1);
    await migrate(qmp, 'unix:/somewhere');
    expect(told.at(-1)).toMatchObject({ uri: 'unix:/somewhere', parameters: { 'max-bandwidth': 2000 } });
  });

  it('what migrate takes from QEMU 8.2 on: a list of channels', async () => {
    const { client, told } = await monitored();
    const qmp = await client();
    const addr = { transport: 'socket', type: 'inet', host: '::1', port: '4444' };
    await qmp.execute('migrate', { channels: [{ 'channel-type': 'main', addr }] });
    expect(told).toMatchObject([{ uri: 'tcp:[::1]:4444' }]);
  });

  it.each([
    { uri: 'exec:rm' },
    { uri: 'tcp:127.0.0.1:1', channels: [] },
    { channels: [] },
    { channels: [{ 'channel-type': 'cpr', addr: {} }] },
    { channels: [{ 'channel-type': 'main', addr: { transport: 'exec' } }] },
    { uri: 'tcp:127.0.0.1:1', resume: true },
  ])('refuses to migrate to %j', async (given) => {
    const { client, told } = await monitored();
    const qmp = await client();
    await expect(qmp.execute('migrate', given)).rejects.toThrow();
    expect(told).toEqual([]);
  });

  it('what a migration does is asked and told as of QEMU', async () => {
    const { client, monitor } = await monitored();
    const [qmp, deaf] = [await client(), await client()];
    const events: unknown[] = [];
    qmp.onEvent(({ event, data, timestamp }) => {
      events.push([event, data]);
      expect(Math.abs(timestamp - Date.now())).toBeLessThan(60_000);
    });
    expect(await qmp.execute('query-migrate')).toEqual({});
    await setCapabilities(deaf, { events: true });
    monitor.onEvent({ type: 'status', status: 'setup' });
    expect(await qmp.execute('query-migrate')).toEqual({ status: 'setup', 'total-time': 1000 });
    monitor.onEvent({ type: 'status', status: 'active' });
    monitor.onEvent({ type: 'progress', round: 1, statistics: STATISTICS });
    monitor.onEvent({ type: 'progress', round: 1, statistics: STATISTICS });
    expect(await qmp.execute('query-migrate')).toMatchObject({
      status: 'active',
      'cpu-throttle-percentage': 30,
      'setup-time': 100,
      'expected-downtime': 7,
      ram: { total: 8192, duplicate: 1, 'zero-pages': 1, mbps: 1.23, 'pages-per-second': 12 },
    });
    monitor.guestRuns(false);
    monitor.failed('the line is cut');
    monitor.guestRuns(true);
    expect(await queryMigrate(qmp)).toMatchObject({ status: 'failed', errorDesc: 'the line is cut' });
    expect(events).toEqual([
      ['MIGRATION', { status: 'setup' }],
      ['MIGRATION_PASS', { pass: 1 }],
      ['MIGRATION', { status: 'active' }],
      ['MIGRATION_PASS', { pass: 2 }],
      ['STOP', {}],
      ['MIGRATION', { status: 'failed' }],
      ['RESUME', {}],
    ]);
  });

  it('events are off unless they are asked for, as with QEMU', async () => {
    const { client, monitor } = await monitored();
    const qmp = await client();
    const events: string[] = [];
    qmp.onEvent(({ event }) => void events.push(event));
    monitor.onEvent({ type: 'status', status: 'setup' });
    monitor.guestRuns(false);
    await queryMigrate(qmp);
    expect(events).toEqual(['STOP']);
  });

  it('lists what it cannot do as off, and says so when that is asked for', async () => {
    const { client } = await monitored();
    const qmp = await client();
    const list = await qmp.execute('query-migrate-capabilities');
    expect(list).toEqual(
      QEMU_CAPABILITIES.map((capability) => ({
        capability,
        state: capability === 'multifd' || capability === 'return-path',
      })),
    );
    for (const capability of QEMU_CAPABILITIES) {
      await setCapabilities(qmp, { [capability]: capability === 'multifd' });
      if (['multifd', 'events', 'return-path', 'auto-converge'].includes(capability)) continue;
      await expect(setCapabilities(qmp, { [capability]: true })).rejects.toThrow(/is not supported/);
    }
    await expect(setCapabilities(qmp, { multifd: false })).rejects.toThrow(/always on/);
    // All or none.
    await expect(setCapabilities(qmp, { events: true, xbzrle: true })).rejects.toThrow();
    expect(await qmp.execute('query-migrate-capabilities')).toContainEqual({
      capability: 'events',
      state: false,
    });
  });

  it('what the target lacks, or throws, is an answer', async () => {
    const failing = {
      migrate() {
        throw new Error('the guest is not made yet');
      },
    };
    const { client } = await monitored(failing);
    const qmp = await client();
    await expect(migrate(qmp, 'tcp:127.0.0.1:1')).rejects.toThrow(/the guest is not made yet/);
    expect(await qmp.execute('query-migrate')).toEqual({});
    await expect(qmp.execute('stop')).rejects.toThrow(/has no processors that run here/);
  });

  it('a guest that has left stays so, whatever fails behind that: a client would start it again', async () => {
    const { client, monitor } = await monitored();
    const qmp = await client();
    for (const status of ['setup', 'active', 'device', 'completed'] as const)
      monitor.onEvent({ type: 'status', status });
    monitor.failed('not verified: the destination sent no digests');
    expect(await queryMigrate(qmp)).toMatchObject({ status: 'completed' });
    expect(await qmp.execute('query-migrate')).not.toHaveProperty('error-desc');
  });

  it('cancelled before the engine has begun: cancelled, and no failure', async () => {
    const { client, monitor } = await monitored();
    const qmp = await client();
    await migrate(qmp, 'tcp:127.0.0.1:4444');
    await migrateCancel(qmp);
    monitor.cancelled();
    const answer = await qmp.execute('query-migrate');
    expect(answer).toMatchObject({ status: 'cancelled' });
    expect(answer).not.toHaveProperty('error-desc');
    // Once it is over nothing changes that.
    for (const status of ['setup', 'active', 'device', 'completed'] as const)
      monitor.onEvent({ type: 'status', status });
    monitor.cancelled();
    expect(await queryMigrate(qmp)).toMatchObject({ status: 'completed' });
  });

  it('quit is answered, and then done', async () => {
    const { client, told, monitor } = await monitored();
    const qmp = await client();
    expect(await qmp.execute('quit')).toEqual({});
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['quit']);
    monitor.close();
    await expect(qmp.execute('query-status')).rejects.toThrow();
  });

  it('a client without end, or one too many, is dropped, and the others are served', async () => {
    const { path, client } = await monitored();
    const qmp = await client();
    const endless = connect(path);
    onTestFinished(() => void endless.destroy());
    const closed = new Promise((resolve) => endless.once('close', resolve));
    endless.on('error', () => {}).resume();
    endless.write(Buffer.alloc(2 ** 21, '['));
    await closed;
    const many = Array.from({ length: 15 }, () => connect(path));
    onTestFinished(() => many.forEach((each) => void each.destroy()));
    await Promise.all(many.map((each) => new Promise((resolve) => each.once('data', resolve))));
    await expect(QmpClient.connect({ path })).rejects.toThrow();
    expect(await qmp.execute('query-status')).toEqual({ running: true, status: 'running' });
  });

  it('only this user, on this machine, can reach it', async () => {
    const { path, target } = await monitored();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const listening = MigrationMonitor.listen({ host: '0.0.0.0', port: 0 }, target);
    await expect(listening).rejects.toThrow(/no loopback address/);
    const mapped = await MigrationMonitor.listen({ host: '::ffff:127.0.0.1', port: 0 }, target);
    mapped.close();
    const local = await MigrationMonitor.listen({ host: '127.0.0.1', port: 0 }, target);
    onTestFinished(() => local.close());
    expect(local.address).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
  });
});
