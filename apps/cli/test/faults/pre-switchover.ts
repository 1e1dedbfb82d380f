import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Place } from './place.ts';
import { Program } from './program.ts';

const START = 60_000;
const CAPABILITY = { capability: 'pause-before-switchover', state: true };

/**
 * The state pre-switchover comes with the capability pause-before-switchover alone.
 * @returns how a source refuses it, in QMP.
 * @throws Error if it takes it: then this state needs cases.
 */
export async function refusalOfPause(parent: string): Promise<string> {
  const place = new Place(parent);
  const path = place.at('qmp');
  const words = ['migrate', 'demo:4M', '--no-verify', '--defer', '--qmp', `unix:${path}`];
  const source = new Program('source', words, place.env);
  try {
    const client = await connected(source, path);
    try {
      await ask(client, 'qmp_capabilities');
      const answer = await ask(client, 'migrate-set-capabilities', { capabilities: [CAPABILITY] });
      const [, refusal] = /"desc": ?"([^"]+)"/.exec(answer) ?? [];
      if (refusal === undefined) throw new Error(`pause-before-switchover is not refused: ${answer}`);
      await ask(client, 'quit');
      await source.ended;
      return refusal;
    } finally {
      client.destroy();
    }
  } finally {
    source.signal('SIGKILL');
    await source.ended;
    await place.close();
  }
}

/** A client of the monitor, once that has greeted it. */
async function connected(source: Program, path: string): Promise<Socket> {
  for (const end = Date.now() + START; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const client = connect(path);
    try {
      await once(client, 'connect');
      await once(client.setEncoding('utf8'), 'data');
      return client;
    } catch (error) {
      client.destroy();
      if (source.isOver || Date.now() > end) throw error;
    }
  }
}

/** @returns the answer, a line. */
async function ask(client: Socket, execute: string, given?: object): Promise<string> {
  client.write(`${JSON.stringify({ execute, arguments: given })}\n`);
  let text = '';
  while (!/"(return|error)"[^\n]*\n/.test(text)) text += String((await once(client, 'data'))[0]);
  return text;
}
