/** Memory for a destination whose source takes its time: it starts, and makes its guest first. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hold } from './warm.mjs';

/**
 * Keeps `bytes` of touched memory until the source that `start` starts has connected, and frees it then.
 * @param destination its process, which listens.
 * @returns what `start` returned: a command (`command.mjs`).
 */
export async function warmUntilConnected(bytes, destination, start) {
  const idle = sockets(destination.pid);
  const holder = await hold(bytes);
  const source = start();
  while (source.child.exitCode === null && sockets(destination.pid) === idle) await delay(2);
  await holder.release();
  return source;
}

/** Sockets that a process has open; 0: it is gone. */
function sockets(pid) {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).filter((number) => isSocket(`${folder}/${number}`)).length;
  } catch {
    return 0;
  }
}

function isSocket(link) {
  try {
    return readlinkSync(link).startsWith('socket:');
  } catch {
    return false;
  }
}
