import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { MultifdError } from '../errors.js';
import { inTime } from '../time-limit.js';
import { type Address, formatAddress } from './address.js';
import { connectError } from './socket-errors.js';

/** Addresses of a host, in the order in which they are tried. At least one. */
export type HostAddresses = readonly { readonly address: string; readonly family: number }[];

/**
 * Looks up where a destination is, once for all of its connections: a name that stands for several hosts must not take the
 * channels to another one than main. A thread that asks by itself cannot be ended before the system's resolver gives up.
 * @param where for messages.
 * @param timeout ms.
 * @returns undefined where there is no name to look up.
 * @throws MultifdError `timeout` that names the name service, or as `connectError`.
 */
export async function lookUp(
  address: Address,
  where: string,
  timeout: number,
): Promise<HostAddresses | undefined> {
  if (address.kind === 'unix' || isIP(address.host) !== 0) return undefined;
  const found = lookup(address.host, { all: true }).catch((cause: unknown) => {
    throw connectError(address, cause, where);
  });
  const what = `${where}: cannot connect to ${formatAddress(address)}: the name service did not answer`;
  return inTime(found, {
    timeout,
    what,
    hint: 'give the address in numbers, or look at the name servers of this machine',
  });
}

/** For `net.connect`: answers with `addresses`. */
export function answering(addresses: HostAddresses): LookupFunction {
  return (hostname, { all }, done) => {
    const [first] = addresses;
    if (first === undefined) done(new MultifdError('internal', `${hostname} has no address`), '', 0);
    else if (all === true) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
}
