import { isIPv6 } from 'node:net';
import { MultifdError } from '../errors.js';

/** A place to connect to or to listen on. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

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
    return { kind: 'unix', path };
  }
  const match = /^tcp:(?:(\[[^\]]+\]|[^:[\]]*):)?(\d+)$/.exec(text);
  if (match === null) {
    throw new MultifdError('usage', `address ${text}: not understood`, { hint: bareIpv6(text) ?? hint });
  }
  const port = Number(match[2]);
  if (port > 65535) throw new MultifdError('usage', `address ${text}: the port must be 0 to 65535`, { hint });
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host: host === '' ? '127.0.0.1' : host, port };
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
