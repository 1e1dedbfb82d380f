import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { QmpClient } from '../../src/qmp/client.js';
import { queryMigrate, queryStatus, setCapabilities, waitForMigration } from '../../src/qmp/commands.js';
import { QmpError } from '../../src/qmp/error.js';
import { TestFolder } from '../support/folder.js';

const GREETING = {
  QMP: { version: { qemu: { major: 10, minor: 0, micro: 2 }, package: 'Debian' }, capabilities: ['oob'] },
};

interface Request {
  readonly execute: string;
  readonly id: number;
  readonly arguments?: unknown;
}

/** A monitor that answers as told. `chunk`: bytes that it sends at a time. */
class Monitor {
  readonly folder = new TestFolder();
  readonly path = this.folder.file('qmp');
  readonly requests: Request[] = [];
  #server: Server | undefined;
  #socket: Socket | undefined;
  readonly #chunk: number;
  readonly #answer: (request: Request) => object | undefined;

  constructor(answer: (request: Request) => object | undefined, chunk = 1 << 20) {
    this.#answer = answer;
    this.#chunk = chunk;
  }

  async listen(greeting: string | undefined = JSON.stringify(GREETING)): Promise<this> {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on('error', () => {});
      if (greeting !== undefined) this.say(greeting);
      let text = '';
      socket.on('data', (data) => {
        text += data.toString();
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.#take(JSON.parse(line));
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve));
    return this;
  }

  say(line: string): void {
    const bytes = Buffer.from(`${line}\r\n`);
    for (let at = 0; at < bytes.length; at += this.#chunk) {
      this.#socket?.write(bytes.subarray(at, at + this.#chunk));
    }
  }

  hangUp(): void {
    this.#socket?.destroy();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server?.close();
    this.folder[Symbol.dispose]();
  }

  #take(request: Request): void {
    this.requests.push(request);
    const answer = request.execute === 'qmp_capabilities' ? { return: {} } : this.#answer(request);
    if (answer !== undefined) this.say(JSON.stringify({ ...answer, id: request.id }));
  }
}

const open: Monitor[] = [];
async function connected(
  answer: (request: Request) => object | undefined,
  chunk?: number,
): Promise<{ monitor: Monitor; client: QmpClient }> {
  const monitor = await new Monitor(answer, chunk).listen();
  open.push(monitor);
  return { monitor, client: await QmpClient.connect({ path: monitor.path }, { timeout: 2000 }) };
}

afterEach(() => {
  for (const monitor of open.splice(0)) monitor.close();
});

describe('QmpClient', () => {
  it.each([1, 3, 1000])('greets, commands and hears events in chunks of %i bytes', async (chunk) => {
    const { monitor, client } = await connected(
      ({ execute }) =>
        execute === 'query-status' ? { return: { running: true, status: 'running' } } : undefined,
      chunk,
    );
    expect(client.version).toEqual({ major: 10, minor: 0, micro: 2, package: 'Debian' });
    const stopped = client.waitForEvent('STOP');
    expect(await queryStatus(client)).toEqual({ running: true, status: 'running' });
    monitor.say(JSON.stringify({ event: 'RESUME', timestamp: { seconds: 1, microseconds: 5 } }));
    monitor.say(
      JSON.stringify({ event: 'STOP', data: { why: 'ä' }, timestamp: { seconds: 2, microseconds: 500 } }),
    );
    expect(await stopped).toEqual({ event: 'STOP', data: { why: 'ä' }, timestamp: 2000.5 });
  });

  it('matches answers to commands in any order', async () => {
    const { monitor, client } = await connected(() => undefined);
    const first = client.execute('one');
    const second = client.execute('two');
    await expect.poll(() => monitor.requests.length).toBe(3);
    for (const { id, execute } of monitor.requests.slice(1).reverse()) {
      monitor.say(JSON.stringify({ return: execute, id }));
    }
    expect(await Promise.all([first, second])).toEqual(['one', 'two']);
  });

  it("gives QEMU's own words for a refusal", async () => {
    const { client } = await connected(() => ({
      error: { class: 'CommandNotFound', desc: 'no such thing' },
    }));
    const refused = setCapabilities(client, { multifd: true });
    await expect(refused).rejects.toMatchObject({
      code: 'refused',
      command: 'migrate-set-capabilities',
      class: 'CommandNotFound',
      desc: 'no such thing',
    });
  });

  it('gives up on a command that is not answered, and ignores the late answer', async () => {
    const { monitor, client } = await connected(({ execute }) =>
      execute === 'late' ? undefined : { return: 7 },
    );
    await expect(client.execute('late', {}, { timeout: 30 })).rejects.toMatchObject({ code: 'timeout' });
    monitor.say(JSON.stringify({ return: 1, id: monitor.requests.at(-1)?.id }));
    expect(await client.execute('other')).toBe(7);
  });

  it('rejects what is pending when the connection is lost', async () => {
    const { monitor, client } = await connected(() => undefined);
    const command = client.execute('hang');
    const event = client.waitForEvent('NEVER');
    command.catch(() => {});
    event.catch(() => {});
    await expect.poll(() => monitor.requests.length).toBe(2);
    monitor.hangUp();
    await expect(command).rejects.toMatchObject({ code: 'closed', command: 'hang' });
    await expect(event).rejects.toMatchObject({ code: 'closed' });
    await expect(client.execute('more')).rejects.toMatchObject({ code: 'closed' });
    expect(await client.closed).toBeInstanceOf(QmpError);
  });

  it.each(['HTTP/1.1 400 Bad Request', '{"greeting":1}', '[]'])('refuses a greeting %s', async (greeting) => {
    const monitor = await new Monitor(() => undefined).listen(greeting);
    open.push(monitor);
    await expect(QmpClient.connect({ path: monitor.path }, { timeout: 2000 })).rejects.toMatchObject({
      code: 'protocol',
    });
  });

  it('does not wait for ever for a greeting', async () => {
    const monitor = new Monitor(() => undefined);
    open.push(monitor);
    await monitor.listen('');
    await expect(QmpClient.connect({ path: monitor.path }, { timeout: 50 })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  it('says where nobody listens', async () => {
    await expect(QmpClient.connect({ path: '/nowhere/qmp' })).rejects.toMatchObject({ code: 'closed' });
  });

  it('waits on at a status that it does not know, until the one it waits for', async () => {
    const statuses = ['active', 'failing', 'a word of a later QEMU', 'failed'];
    let asked = 0;
    const { client } = await connected(() => ({ return: { status: statuses[asked++] } }));
    expect(await waitForMigration(client, ['failed'], 60_000)).toEqual({ status: 'failed' });
    expect(asked).toBe(4);
  });

  it('says what a migration is instead of done', async () => {
    const { client } = await connected(() => ({ return: { status: 'setup', 'error-desc': 'why' } }));
    expect(await queryMigrate(client)).toEqual({ status: 'setup', errorDesc: 'why' });
    await expect(waitForMigration(client, ['completed'], 50)).rejects.toThrow(/but setup: why/);
  });
});
