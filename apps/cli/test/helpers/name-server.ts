import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDirectory } from './temp.js';

const IPV4 = 1;
const NOT_FOUND = 3;

/** The answer to a query about one name: `address`, or that there is no such name. */
function answerTo(query: Buffer, address: string | undefined): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const type = query.readUInt16BE(end - 4);
  const answers = address !== undefined && type === IPV4 ? 1 : 0;
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(0x8180 | (address === undefined ? NOT_FOUND : 0), 2);
  head.writeUInt32BE(0x10000 | answers, 4);
  head.writeUInt32BE(0, 8);
  if (answers === 0) return head;
  const record = Buffer.from([0xc0, 12, 0, IPV4, 0, 1, 0, 0, 0, 0, 0, 4]);
  return Buffer.concat([head, record, Buffer.from((address ?? '').split('.').map(Number))]);
}

export interface NameServer {
  /** For `start`: the command asks this server alone. */
  readonly mount: string;
  /** From now on there is no name; who waits is told so, too. */
  end(): void;
}

/**
 * A name server of the test's own, on port 53 of a loopback address. For root on Linux.
 * @param next gives the address for each query in turn; undefined: that query gets no answer until `end`.
 */
export async function nameServer(next: () => string | undefined): Promise<NameServer> {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  const waiting: (() => void)[] = [];
  let over = false;
  socket.on('message', (query, { port, address: from }) => {
    const answer = (address: string | undefined): void => socket.send(answerTo(query, address), port, from);
    const address = over ? undefined : next();
    if (over || address !== undefined) answer(address);
    else waiting.push(() => answer(undefined));
  });
  const host = `127.53.${process.pid % 250}.${(process.pid >> 8) % 250}`;
  socket.bind(53, host);
  await once(socket, 'listening');
  const configuration = join(tempDirectory(), 'resolv.conf');
  writeFileSync(configuration, `nameserver ${host}\noptions timeout:30 attempts:1\n`);
  return {
    mount: `--bind ${configuration} /etc/resolv.conf`,
    end() {
      over = true;
      for (const answer of waiting.splice(0)) answer();
    },
  };
}
