import { BlockList, isIP } from 'node:net';
import type { Address } from './address.js';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine can reach an address: a unix socket, or TCP over loopback. Names are not looked up. */
export function isLoopback(address: Address): boolean {
  if (address.kind === 'unix') return true;
  // A name has no case, and may end with the root's dot.
  if (/^localhost\.?$/i.test(address.host)) return true;
  if (isShortened(address.host)) return true;
  const family = isIP(address.host);
  // An IPv4 address in IPv6 is looked up as IPv4.
  return family !== 0 && LOOPBACK.check(address.host, family === 6 ? 'ipv6' : 'ipv4');
}

/** As inet_aton(3) reads it: 127.1, of which the last number has all bytes that are left. Any other such host is a name. */
function isShortened(host: string): boolean {
  const [first, ...rest] = host.split('.');
  const isDecimal = rest.every((part) => /^(?:0|[1-9]\d{0,7})$/.test(part));
  const [second = 0, third = 0] = rest.map(Number);
  if (first !== '127' || !isDecimal) return false;
  return rest.length === 1 ? second < 2 ** 24 : rest.length === 2 && second < 256 && third < 65_536;
}
