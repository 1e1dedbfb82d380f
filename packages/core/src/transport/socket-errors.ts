import { lookup } from 'node:dns/promises';
import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { getSystemErrorMap } from 'node:util';
import { type ErrorCode, MultifdError } from '../errors.js';
import { type Address, formatAddress } from './address.js';

/** ms. */
const NAME_PATIENCE = 3_000;

/** What to do about an error of the system; `usage` if the address cannot be right as it was given. */
type Advice = readonly [code: Extract<ErrorCode, 'usage' | 'io'>, hint: string];
type Advices = Readonly<Record<string, Advice>>;

const NAMES: Advices = {
  ENOTFOUND: ['usage', 'no host has this name: check it'],
  EAI_AGAIN: ['io', 'the name service does not answer: give the address in numbers'],
  EAFNOSUPPORT: ['usage', 'this machine has no such network (IPv6 may be off): give another address'],
  EINVAL: ['usage', 'a link-local IPv6 address needs its interface: tcp:[fe80::1%eth0]:4444'],
};

const PATHS: Advices = {
  ENOTDIR: ['usage', 'something on the path is no directory: check it'],
  ELOOP: ['usage', 'its symbolic links lead in a circle'],
  ENAMETOOLONG: ['usage', 'use a shorter path, or one relative to the working directory'],
  // What Node says of a path that is too long depends on its version.
  EINVAL: ['usage', 'use a shorter path, or one relative to the working directory'],
  EROFS: ['usage', 'nothing can be made there: name another place'],
};

const MAKE = 'make it first, or name another path';
const NO_SOCKET_THERE =
  'this user may not make a socket there: check who may write to the directory, and the directories above it';
const LOW_PORT =
  'this user may not listen on this port: choose one from 1024 on, or give the process CAP_NET_BIND_SERVICE';

const LISTEN: Readonly<Record<Address['kind'], Advices>> = {
  tcp: {
    ...NAMES,
    EADDRINUSE: ['io', 'choose another address, or end the program that listens there'],
    EADDRNOTAVAIL: [
      'usage',
      'this machine does not have that address: give one that it has, or 0.0.0.0 for all',
    ],
    EACCES: ['usage', LOW_PORT],
    EPERM: ['usage', LOW_PORT],
  },
  unix: {
    ...PATHS,
    EACCES: ['usage', NO_SOCKET_THERE],
    EPERM: ['usage', `${NO_SOCKET_THERE}, and whether its file system has sockets`],
  },
};

const START = 'is the destination listening there? start it with: multifd receive';
const NO_WAY = 'no way leads there: check the address, and the network';
const NOT_ALLOWED =
  'this machine does not allow it: check the address (a broadcast address?), and its firewall';

const MAY_NOT_CONNECT =
  'this user may not connect there: check who may write to the socket, and the directories above it';

const CONNECT: Readonly<Record<Address['kind'], Advices>> = {
  tcp: {
    ...NAMES,
    ECONNREFUSED: ['io', START],
    ECONNRESET: ['io', START],
    ENETUNREACH: ['io', NO_WAY],
    EHOSTUNREACH: ['io', NO_WAY],
    ENETDOWN: ['io', NO_WAY],
    EADDRNOTAVAIL: ['io', 'this machine has no address, or no free port, to connect from'],
    ETIMEDOUT: ['io', 'nothing answers: check the address, the network, and firewalls in between'],
    EACCES: ['usage', NOT_ALLOWED],
    EPERM: ['usage', NOT_ALLOWED],
  },
  unix: {
    ...PATHS,
    ECONNREFUSED: ['io', START],
    ECONNRESET: ['io', START],
    ENOENT: ['io', START],
    EAGAIN: ['io', 'the destination accepts no connection: it hangs, or is very busy'],
    EACCES: ['usage', MAY_NOT_CONNECT],
    EPERM: ['usage', MAY_NOT_CONNECT],
    EPROTOTYPE: ['usage', 'it is a socket of another kind: check the path'],
  },
};

/** The error for an address that cannot be listened on: `usage` if the address or its permissions are at fault, else `io`. */
export function listenError(address: Address, cause: unknown): MultifdError {
  const what = `cannot listen on ${formatAddress(address)}`;
  const wrong = address.kind === 'unix' ? noDirectory(address.path, systemCode(cause)) : undefined;
  if (wrong !== undefined) return new MultifdError('usage', `${what}: ${wrong}`, { cause, hint: MAKE });
  return explained(cause, what, LISTEN[address.kind]);
}

/** The error for a destination that cannot be connected to: as `listenError`. @param where for messages. */
export function connectError(address: Address, cause: unknown, where: string): MultifdError {
  const what = `${where}: cannot connect to ${formatAddress(address)}`;
  const wrong = address.kind === 'unix' ? wrongPlace(address.path, systemCode(cause)) : undefined;
  if (wrong !== undefined)
    return new MultifdError('usage', `${what}: ${wrong}`, { cause, hint: 'check the path' });
  return explained(cause, what, CONNECT[address.kind]);
}

/**
 * The error for a destination that cannot be there, found without connecting; undefined for one that may listen now or
 * later. Waits for the name service at most 3 s. @param where for messages.
 */
export async function impossibleDestination(
  address: Address,
  where: string,
): Promise<MultifdError | undefined> {
  if (address.kind === 'unix') {
    const wrong = wrongPlace(address.path, 'ECONNREFUSED') ?? noDirectory(address.path, 'ENOENT');
    if (wrong === undefined) return undefined;
    const what = `${where}: cannot connect to ${formatAddress(address)}: ${wrong}`;
    return new MultifdError('usage', what, { hint: 'check the path' });
  }
  const unknown = lookup(address.host).then(
    () => undefined,
    (cause: unknown) => connectError(address, cause, where),
  );
  const error = await Promise.race([unknown, delay(NAME_PATIENCE, undefined, { ref: false })]);
  // A name service that does not answer now may do so when a guest comes.
  return error?.code === 'usage' ? error : undefined;
}

/** Whether nothing listens there, or not any more. */
export function isNobodyThere({ cause }: MultifdError): boolean {
  return ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'ENOTDIR'].includes(systemCode(cause));
}

/** Name of the system's error, such as `EACCES`; empty if it is none. */
export function systemCode(error: unknown): string {
  const first = single(error);
  const code: unknown = first instanceof Error ? Reflect.get(first, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

/** Of a host with several addresses Node gives one error for each. The message names the first. */
function single(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
}

function explained(cause: unknown, what: string, advices: Advices): MultifdError {
  const error = single(cause);
  const code = systemCode(error);
  const advice = Object.hasOwn(advices, code) ? advices[code] : undefined;
  if (advice === undefined) return MultifdError.from(error, 'io', what);
  const [kind, hint] = advice;
  return new MultifdError(kind, `${what}: ${words(error, code)}`, { cause: error, hint });
}

/** The system's words, without the path and the call, which Node adds. */
function words(error: unknown, code: string): string {
  const errno: unknown = Reflect.get(Object(error), 'errno');
  const [, text] = (typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined) ?? [];
  return text === undefined ? code : `${text} (${code})`;
}

/** What is at the path of a unix socket that cannot be one. The system says the same of it as of a destination that is gone. */
function wrongPlace(path: string, code: string): string | undefined {
  if (code !== 'ECONNREFUSED' && code !== 'EACCES') return noDirectory(path, code);
  try {
    return lstatSync(path).isSocket() || lstatSync(path).isSymbolicLink()
      ? undefined
      : 'what is there is no socket';
  } catch {
    return noDirectory(path, code);
  }
}

/** The directory of a unix socket, if it is that which is not there. Node says EACCES where Linux says ENOENT to a listener. */
function noDirectory(path: string, code: string): string | undefined {
  if (code !== 'ENOENT' && code !== 'EACCES') return undefined;
  try {
    statSync(dirname(path));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return `there is no directory ${dirname(path)}`;
  }
  return undefined;
}
