import {
  type AuthzRule,
  type ClientTls,
  loadTlsCredentials,
  MultifdError,
  type ServerTls,
  type TlsEndpoint,
} from '@multifd/core';
import { type Destination, isLocal } from './places.js';

/** The TLS options of one side, as commander reads them. */
export interface TlsOptions {
  readonly tlsCreds?: string;
  /** False: the other end need not prove who it is. */
  readonly tlsVerifyPeer?: boolean;
  readonly tlsPsk?: true;
  readonly tlsUsername?: string;
  readonly tlsHostname?: string;
  readonly tlsAuthz?: readonly AuthzRule[];
}

/** Those of a relay's side to its destination. */
export interface OutgoingTlsOptions {
  readonly outgoingTlsCreds?: string;
  readonly outgoingTlsVerifyPeer?: boolean;
  readonly outgoingTlsPsk?: true;
  readonly outgoingTlsUsername?: string;
  readonly outgoingTlsHostname?: string;
}

/** @throws MultifdError `usage` or `tls` if the credentials cannot be used. */
export function clientTls(options: TlsOptions, { kind }: Destination): { readonly tls?: ClientTls } {
  if (options.tlsCreds !== undefined && kind === 'loopback') {
    throw new MultifdError('usage', '--tls-creds: the loopback destination is started without TLS', {
      hint: 'start multifd receive with --tls-creds yourself, and give its address here',
    });
  }
  return ofClient(options, '');
}

function ofClient(options: TlsOptions, side: Side): { readonly tls?: ClientTls } {
  const credentials = load(options, 'client', side);
  const { tlsHostname: hostname } = options;
  if (credentials === undefined) return {};
  return { tls: { credentials, ...(hostname === undefined ? {} : { hostname }) } };
}

/** @throws MultifdError `usage` or `tls` if the credentials cannot be used. */
export function serverTls(options: TlsOptions): { readonly tls?: ServerTls } {
  const credentials = load(options, 'server', '');
  const { tlsAuthz: authz } = options;
  if (credentials === undefined) return {};
  return { tls: { credentials, ...(authz === undefined ? {} : { authz }) } };
}

/** TLS of both sides of a relay. @throws MultifdError `usage` or `tls` if the credentials cannot be used. */
export function relayTls(options: TlsOptions & OutgoingTlsOptions): {
  readonly incomingTls?: ServerTls;
  readonly outgoingTls?: ClientTls;
} {
  const { tls: incomingTls } = serverTls(options);
  const outgoing: TlsOptions = {
    ...given('tlsCreds', options.outgoingTlsCreds),
    ...given('tlsVerifyPeer', options.outgoingTlsVerifyPeer),
    ...given('tlsPsk', options.outgoingTlsPsk),
    ...given('tlsUsername', options.outgoingTlsUsername),
    ...given('tlsHostname', options.outgoingTlsHostname),
  };
  const { tls: outgoingTls } = ofClient(outgoing, 'outgoing-');
  return {
    ...(incomingTls === undefined ? {} : { incomingTls }),
    ...(outgoingTls === undefined ? {} : { outgoingTls }),
  };
}

function given<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  const none: { [key in K]?: V } = {};
  return value === undefined ? none : { ...none, [name]: value };
}

/** Of a relay's options: what stands in front of their names. */
type Side = '' | 'outgoing-';

function load(options: TlsOptions, endpoint: TlsEndpoint, side: Side) {
  const { tlsCreds: dir, tlsVerifyPeer: verifyPeer, tlsPsk: psk, tlsUsername: username } = options;
  if (dir === undefined) {
    const orphan = Object.keys(options).find(
      (name) => name.startsWith('tls') && Reflect.get(options, name) !== undefined,
    );
    if (orphan === undefined) return undefined;
    const [, word = ''] = /^tls(.*)$/.exec(orphan) ?? [];
    const option = `--${side}tls${word.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new MultifdError('usage', `${option} means nothing without --${side}tls-creds`, {
      hint: `give --${side}tls-creds DIR, the folder with the credentials`,
    });
  }
  return loadTlsCredentials({
    dir,
    endpoint,
    ...(verifyPeer === undefined ? {} : { verifyPeer }),
    ...(psk === undefined ? {} : { psk }),
    ...(username === undefined ? {} : { username }),
  });
}

/** Who may connect, in a few words. */
export function admits({ credentials, authz }: ServerTls): string {
  if (credentials.kind === 'psk') return 'TLS, to whoever has the shared key';
  if (!credentials.verifyPeer) return 'TLS, to whoever can reach it';
  return authz === undefined
    ? 'TLS, to whoever has a valid certificate'
    : 'TLS, to those that tls-authz allows';
}

/**
 * Without TLS, whoever reaches the address can be the source, and see the guest: a user must want that.
 * @throws MultifdError `usage` for an address that other machines can reach.
 */
export function checkReach(listen: string, hasTls: boolean, insecure: boolean): void {
  if (hasTls || insecure || isLocal(listen)) return;
  throw new MultifdError(
    'usage',
    `address ${listen}: other machines can reach it, and without TLS whoever does can read and forge the guest`,
    {
      hint: 'give --tls-creds DIR (multifd tls init DIR makes one), or --insecure if nobody else is on that network',
    },
  );
}
