/** Migrations over TLS between two processes, which may run on different lines of Node. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * With the certificates of `tls init`, then with its shared key: each end proves to the other who it is.
 * @param source the Node that runs the source, and `destination` the other; `cli` is the command's file.
 * @param folder where the credentials are made; a fresh one.
 * @param patience ms that one command may take.
 * @returns what was migrated, in words.
 * @throws if an end fails, or does not name the other.
 */
export async function migrateOverTls({ source, destination, cli, folder, patience }) {
  mkdirSync(folder, { recursive: true });
  const kinds = [
    {
      what: 'certificates',
      made: [],
      used: [],
      destinationIs: 'O=multifd,CN=',
      sourceIs: 'O=multifd,CN=source',
    },
    {
      what: 'a shared key',
      made: ['--psk'],
      used: ['--tls-psk'],
      destinationIs: undefined,
      sourceIs: 'qemu',
    },
  ];
  for (const [index, { what, made, used, destinationIs, sourceIs }] of kinds.entries()) {
    const dir = join(folder, `${index}`);
    await begin(source, [cli, 'tls', 'init', dir, ...made], patience).ended;
    const tls = ['--tls-creds', dir, ...used, '--host', 'none', '--json'];
    const receiving = begin(destination, [cli, 'receive', 'tcp:127.0.0.1:0', ...tls], patience);
    try {
      const address = await Promise.race([receiving.heard(/tcp:127\.0\.0\.1:[1-9]\d*/), receiving.ended]);
      const sent = await begin(source, [cli, 'migrate', 'demo:16M', address, ...tls], patience).ended;
      const received = await receiving.ended;
      check(what, 'source', JSON.parse(sent), destinationIs);
      check(what, 'destination', JSON.parse(received), sourceIs);
    } finally {
      receiving.child.kill();
    }
  }
  return kinds.map(({ what }) => what).join(' and ');
}

function check(what, end, { status, tls, verified }, peer) {
  const isRight =
    status === 'completed' &&
    tls?.verified === true &&
    (peer === undefined || tls.peer?.startsWith(peer)) &&
    (end === 'destination' || verified === true);
  if (!isRight)
    throw new Error(`TLS with ${what}: the ${end} says ${JSON.stringify({ status, tls, verified })}`);
}

/** Starts a command. `ended` resolves to its stdout, and rejects if it fails or takes longer than `patience`. */
function begin(node, args, patience) {
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: patience });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${args.slice(1).join(' ')}: ended with ${code ?? signal}\n${stderr}`));
    });
  });
  // Whoever waits for it hears of it; until then it is nobody's.
  ended.catch(() => {});
  const listeners = [];
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  const heard = (pattern) =>
    new Promise((resolve) => {
      const look = () => {
        const [found] = pattern.exec(stderr) ?? [];
        if (found !== undefined) resolve(found);
      };
      listeners.push(look);
      look();
    });
  return { child, ended, heard };
}
