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
  // Shortened, as inet_aton(3) reads it: 127.1.
  if (/^127(?:\.\d{1,5}){1,2}$/.test(address.host)) return true;
  const family = isIP(address.host);
  // An IPv4 address in IPv6 is looked up as IPv4.
  return family !== 0 && LOOPBACK.check(address.host, family === 6 ? 'ipv6' : 'ipv4');
}
