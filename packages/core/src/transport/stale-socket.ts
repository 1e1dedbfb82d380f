import { link, lstat, rename, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { MultifdError } from '../errors.js';
import { nodeCrypto } from './node-modules.js';

/**
 * Removes the unix socket at `path` if its owner died and nothing listens on it. Leaves a live socket, and any file
 * that is not a socket.
 * @throws MultifdError that says what is there: `io` if a program listens, `usage` if the path is wrong; what the system
 * throws.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path, { bigint: true });
  if (!found.isSocket()) {
    throw new MultifdError('usage', `cannot listen on unix:${path}: something that is no socket is there`, {
      hint: 'choose another path',
    });
  }
  const answer = await knock(path);
  if (answer === 'EACCES') {
    throw new MultifdError('usage', `cannot listen on unix:${path}: another user's socket is there`, {
      hint: 'choose another path',
    });
  }
  if (answer !== 'ECONNREFUSED') {
    const why = answer === undefined ? 'a program listens there' : `it may be in use (${answer})`;
    throw taken(path, why, 'choose another path, or end the program that listens there');
  }
  // Another receive may have put its own socket there meanwhile: remove only the one that we tried.
  const aside = `${path}.${nodeCrypto().randomBytes(6).toString('hex')}`;
  await rename(path, aside);
  const moved = await lstat(aside, { bigint: true });
  const isSame = moved.ino === found.ino && moved.dev === found.dev;
  if (isSame && (await knock(aside)) === 'ECONNREFUSED') return unlink(aside);
  await link(aside, path);
  await unlink(aside);
  throw taken(path, 'a program listens there', 'choose another path, or end the program that listens there');
}

/** Tries to connect: returns the error code, or undefined if a program accepts. */
function knock(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) => resolve(String(Reflect.get(error, 'code'))));
  });
}

function taken(path: string, why: string, hint: string): MultifdError {
  return new MultifdError('io', `cannot listen on unix:${path}: ${why}`, { hint });
}
