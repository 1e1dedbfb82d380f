import { parseAddress } from '@multifd/core';
import type { Arguments } from './arguments.js';
import { Refusal } from './refusal.js';
import { shown } from './request.js';

/**
 * Where `migrate` or `migrate-incoming` goes: `uri`, or the one of `channels` (QEMU 8.2 and later).
 * @returns `tcp:HOST:PORT` or `unix:PATH`.
 * @throws Refusal for what only QEMU can do (`exec:`, `fd:`, `rdma:`, `file:`).
 */
export function readPlace(given: Arguments): string {
  const uri = given.string('uri');
  const channels = given.objects('channels');
  const resume = given.boolean('resume');
  // Both are about how QEMU's own monitor waits, or what becomes of a destination that failed.
  for (const name of ['detach', 'exit-on-error']) given.boolean(name);
  given.end();
  if (resume === true) throw new Refusal('postcopy cannot be resumed: there is none');
  if (uri !== undefined && channels !== undefined)
    throw new Refusal("need either 'uri' or 'channels' argument, not both");
  if (uri === undefined && channels === undefined)
    throw new Refusal("need either 'uri' or 'channels' argument");
  return uri === undefined ? ofChannels(channels ?? []) : checked(uri);
}

function checked(uri: string): string {
  if (!/^(tcp|unix):/.test(uri)) throw new Refusal(`unknown migration protocol: ${shown(uri)}`);
  try {
    parseAddress(uri);
  } catch {
    throw new Refusal(`error parsing address '${shown(uri.slice(uri.indexOf(':') + 1))}'`);
  }
  return uri;
}

function ofChannels(channels: readonly Arguments[]): string {
  const [main] = channels;
  if (channels.length !== 1 || main === undefined)
    throw new Refusal('Channel list must have one entry, of type main');
  main.need('channel-type', main.oneOf('channel-type', ['main']));
  const addr = main.need('addr', main.object('addr'));
  main.end();
  addr.need('transport', addr.oneOf('transport', ['socket']));
  const type = addr.need('type', addr.oneOf('type', ['inet', 'unix']));
  if (type === 'unix') {
    const path = addr.need('path', addr.string('path'));
    addr.end();
    return checked(`unix:${path}`);
  }
  const host = addr.need('host', addr.string('host'));
  const port = addr.need('port', addr.string('port'));
  addr.end();
  return checked(`tcp:${host.includes(':') ? `[${host}]` : host}:${port}`);
}
