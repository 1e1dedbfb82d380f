import { isIPv4, isIPv6 } from 'node:net';
import { MultifdError } from '../errors.js';
import { isLoopback } from './loopback.js';

/** A place to connect to or to listen on. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Longest path of a unix socket in bytes: sun_path of Linux without its NUL. */
const LONGEST_PATH = 107;

/**
 * Reads `tcp:HOST:PORT` (an IPv6 host in brackets; no host: loopback) or `unix:PATH`.
 * @throws MultifdError `usage` that says what is wrong and what would be right.
 */
export function parseAddress(text: string): Address {
  const hint = 'write tcp:HOST:PORT, as in tcp:127.0.0.1:4444, or unix:PATH';
  if (text.startsWith('unix:')) {
    const path = text.slice(5);
    if (path === '' || path.includes('\0'))
      throw new MultifdError('usage', `address ${text}: no path`, { hint });
    if (Buffer.byteLength(path) > LONGEST_PATH) {
      throw new MultifdError('usage', `address ${text}: the path is longer than ${LONGEST_PATH} bytes`, {
        hint: 'use a shorter path, or one relative to the working directory',
      });
    }
    return { kind: 'unix', path };
  }
  const match = /^tcp:(?:(\[[^\]]+\]|[^:[\]]*):)?(\d+)$/.exec(text);
  if (match === null) {
    throw new MultifdError('usage', `address ${text}: not understood`, { hint: bareIpv6(text) ?? hint });
  }
  const port = Number(match[2]);
  if (port > 65535) throw new MultifdError('usage', `address ${text}: the port must be 0 to 65535`, { hint });
  const given = match[1] ?? '';
  const host = given.replace(/^\[|\]$/g, '');
  const wrong = given.startsWith('[') ? noIpv6(host) : noIpv4(host, port);
  if (wrong !== undefined)
    throw new MultifdError('usage', `address ${text}: ${wrong.what}`, { hint: wrong.hint });
  return { kind: 'tcp', host: host === '' ? '127.0.0.1' : host, port };
}

interface Wrong {
  readonly what: string;
  readonly hint: string;
}

function noIpv6(host: string): Wrong | undefined {
  if (isIPv6(host)) return undefined;
  return {
    what: `${host} is no IPv6 address`,
    hint: 'brackets are for IPv6 addresses, as in tcp:[::1]:4444; a name or an IPv4 address goes without',
  };
}

/**
 * A host of digits and dots is meant as an IPv4 address. One that is none would go to the name service, or, with fewer than four
 * numbers, to a place that few have in mind: inet_aton(3) takes 1.2.3 for 1.2.0.3. Its short forms of loopback are common, and so is 0.
 */
function noIpv4(host: string, port: number): Wrong | undefined {
  if (!/^[\d.]+$/.test(host) || isIPv4(host) || host === '0') return undefined;
  if (isLoopback({ kind: 'tcp', host, port })) return undefined;
  return {
    what: `${host} is no IPv4 address`,
    hint: 'write four numbers from 0 to 255, without zeros in front, as in tcp:127.0.0.1:4444',
  };
}

/** The hint for an IPv6 address without brackets, where the last group could be the port. */
function bareIpv6(text: string): string | undefined {
  const rest = text.replace(/^tcp:/, '');
  const [, host = '', port = ''] = /^([0-9a-f:.]*:[0-9a-f:.]*(?:%[^:[\]]+)?):(\d+)$/i.exec(rest) ?? [];
  if (isIPv6(host)) return `put an IPv6 address in brackets: tcp:[${host}]:${port}`;
  const alone = rest.replace(/^\[(.*)\]$/, '$1');
  if (isIPv6(alone)) return `put an IPv6 address in brackets, and a port behind: tcp:[${alone}]:4444`;
  // tcp::1:4444: one colon stands for two.
  return isIPv6(`:${host}`) ? `put an IPv6 address in brackets: tcp:[:${host}]:${port}` : undefined;
}

export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
