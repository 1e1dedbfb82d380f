import { dirname } from 'node:path';
import { formatAddress, isLoopback, MultifdError, parseAddress } from '@multifd/core';
import { checkDirectory } from '../images/place.js';
import { type Backing, parseBacking } from './backing.js';
import { quote } from './sizes.js';
import { parseStorePlace, type StorePlace } from './store-place.js';

/** Where a guest goes. */
export type Destination =
  /** A second process on this machine, started for the purpose. */
  { readonly kind: 'loopback' } | { readonly kind: 'address'; readonly address: string };

/** Where `receive` puts the RAM. */
export type Target =
  /** Given up when the command ends. Backing: undefined is what this machine does best. */
  | { readonly kind: 'memory'; readonly backing?: Backing }
  /** One sparse image for each block, in this directory. */
  | { readonly kind: 'raw'; readonly directory: string }
  /** A mapped-ram migration file, which QEMU can load. */
  | { readonly kind: 'file'; readonly path: string }
  /** An ELF dump, for debuggers. */
  | { readonly kind: 'core'; readonly path: string }
  /** A snapshot in a store. */
  | ({ readonly kind: 'store' } & StorePlace);

/** What a file or a folder of images is for, where an address belongs. */
const WRITE_HINTS = {
  file: 'multifd receive LISTEN file:FILE writes such a file',
  raw: 'multifd receive LISTEN raw:DIR writes such images',
  store: 'multifd receive LISTEN store:DIR#NAME writes such a snapshot',
} as const;
const READ_HINTS = {
  file: 'multifd migrate file:FILE DESTINATION sends what is in such a file',
  raw: 'multifd migrate raw:DIR DESTINATION sends what is in such images',
  store: 'multifd migrate store:DIR#NAME DESTINATION sends such a snapshot',
} as const;

/** @throws MultifdError `usage` */
export function parseDestination(text: string): Destination {
  if (text === 'loopback') return { kind: 'loopback' };
  refuseFiles('destination', text, WRITE_HINTS);
  const address = parseAddress(text);
  if (address.kind === 'tcp' && address.port === 0) {
    throw new MultifdError('usage', `address ${text}: cannot connect to port 0`, {
      hint: 'give the port that the destination listens on',
    });
  }
  return { kind: 'address', address: formatAddress(address) };
}

/** Where a relay sends the guest on to. @throws MultifdError `usage` */
export function parseRelayDestination(text: string): string {
  const destination = parseDestination(text);
  if (destination.kind === 'address') return destination.address;
  throw new MultifdError('usage', `destination ${quote(text)}: a relay needs the address of a destination`, {
    hint: 'write tcp:HOST:PORT or unix:PATH',
  });
}

/** @throws MultifdError `usage` */
export function parseListen(text: string): string {
  refuseFiles('listen address', text, READ_HINTS);
  const address = parseAddress(text);
  if (address.kind === 'unix') checkDirectory(`address ${text}`, dirname(address.path));
  return formatAddress(address);
}

/** @throws MultifdError `usage` for a file or folder, with what it is for. */
function refuseFiles(
  what: string,
  text: string,
  hints: Readonly<Record<'file' | 'raw' | 'store', string>>,
): void {
  for (const kind of ['file', 'raw', 'store'] as const) {
    if (!text.startsWith(`${kind}:`)) continue;
    throw new MultifdError('usage', `${what} ${quote(text)}: an address belongs here, and ${kind}: is none`, {
      hint: hints[kind],
    });
  }
}

/** @throws MultifdError `usage` */
export function parseTarget(text: string | undefined): Target {
  if (text === undefined || text === 'memory') return { kind: 'memory' };
  if (text.startsWith('memory:'))
    return { kind: 'memory', backing: parseBacking(text.slice(7), `target ${quote(text)}: memory`) };
  if (text.startsWith('store:')) return { kind: 'store', ...parseStorePlace(text, 'target') };
  const [, kind] = /^(raw|file|core):./s.exec(text) ?? [];
  if (kind === 'raw' && !text.includes('\0')) return { kind, directory: text.slice(4) };
  if ((kind === 'file' || kind === 'core') && !text.includes('\0')) return { kind, path: text.slice(5) };
  throw new MultifdError('usage', `target ${quote(text)}: not understood`, {
    hint: 'write file:FILE, raw:DIR, core:FILE, store:DIR#NAME or memory:BACKING, or leave it out to receive into memory',
  });
}

/** Whether only this machine can reach a tcp: or unix: address. */
export function isLocal(text: string): boolean {
  return isLoopback(parseAddress(text));
}
