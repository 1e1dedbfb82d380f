import { type BigIntStats, lstatSync, renameSync } from 'node:fs';
import { link, lstat, readFile, realpath, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { MultifdError } from '../errors.js';
import { nodeCrypto } from './node-modules.js';
import { systemCode } from './socket-errors.js';

/** What `listen` sets in the flags of /proc/net/unix: SO_ACCEPTCON. */
const ACCEPTS = 0x10000;
const ANOTHER = 'choose another path, or end the program that listens there';

/**
 * Removes the unix socket at `path` if its owner died and nothing listens on it. Leaves a live socket, and any file
 * that is not a socket. Returns also if somebody else has removed it meanwhile.
 * @throws MultifdError that says what is there: `io` if a program listens, `usage` if the path is wrong; what the system
 * throws.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await unlessGone(lstat(path, { bigint: true }));
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new MultifdError('usage', `cannot listen on unix:${path}: something that is no socket is there`, {
      hint: 'choose another path',
    });
  }
  const answer = await ask(path, path);
  if (answer === 'ENOENT') return;
  const user = process.geteuid?.() ?? 0;
  const isAnothers = user !== 0 && Number(found.uid) !== user;
  if (answer === 'EACCES' || (answer === 'listens' && isAnothers)) {
    throw new MultifdError('usage', `cannot listen on unix:${path}: another user's socket is there`, {
      hint: 'choose another path',
    });
  }
  if (answer !== 'ECONNREFUSED') {
    throw taken(path, answer === 'listens' ? 'a program listens there' : `it may be in use (${answer})`);
  }
  const aside = `${path}.${nodeCrypto().randomBytes(6).toString('hex')}`;
  if ((await unlessGone(moveAside(path, found, aside))) === undefined) return;
  const moved = await lstat(aside, { bigint: true });
  const isSame = moved.ino === found.ino && moved.dev === found.dev;
  if (isSame && (await ask(path, aside)) === 'ECONNREFUSED') return unlink(aside);
  await link(aside, path).catch((error: unknown) => {
    // A third one has put its own there, which stays.
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  await unlink(aside);
  throw taken(path, 'a program listens there');
}

/**
 * Whether somebody listens, without a connection where the system tells: a QEMU that waits for its guest takes any
 * connection for a migration, and ends.
 * @param bound the path as it was bound. @param path where it is now.
 * @returns `listens`, or the error code of a connection.
 */
async function ask(bound: string, path: string): Promise<string> {
  return (await isListed(bound)) ? 'listens' : knock(path);
}

/**
 * Whether this network namespace has a listening socket of this path. A program that named it relative to where it
 * stands is listed so: then any path that ends like that counts.
 */
async function isListed(path: string): Promise<boolean> {
  const given = resolve(path);
  // Directories above it may be closed to this user, who stands in it.
  const folder = await realpath(dirname(given)).catch(() => dirname(given));
  const names = [given, join(folder, basename(given))];
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  return table.split('\n').some((line) => {
    // Num RefCount Protocol Flags Type St Inode Path
    const [, flags, listed] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +\d+ (.+)$/.exec(line) ?? [];
    if (listed === undefined || (Number.parseInt(flags ?? '', 16) & ACCEPTS) === 0) return false;
    const isRelative = !/^[/@]/.test(listed);
    return names.some(
      (name) => name === listed || (isRelative && name.endsWith(`/${resolve('/', listed).slice(1)}`)),
    );
  });
}

/**
 * Another receive may have put its own socket there meanwhile: moves only the one that we tried. Looks and moves in one
 * breath, so that hardly anybody can come between.
 * @throws MultifdError `io` if it is another one.
 */
async function moveAside(path: string, { ino, dev }: BigIntStats, aside: string): Promise<true> {
  const now = lstatSync(path, { bigint: true });
  if (now.ino !== ino || now.dev !== dev) throw taken(path, 'a program listens there');
  renameSync(path, aside);
  return true;
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Tries to connect. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve('listens');
    });
    socket.once('error', (error) => resolve(String(Reflect.get(error, 'code'))));
  });
}

function taken(path: string, why: string): MultifdError {
  return new MultifdError('io', `cannot listen on unix:${path}: ${why}`, { hint: ANOTHER });
}
