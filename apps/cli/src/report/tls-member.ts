import type { TlsPeer } from '@multifd/core';
import { plain } from './format.js';

/** How connections were protected, in a JSON document. */
export interface TlsMember {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly version: string;
  readonly cipher: string;
  /** Subject of the other end's certificate, or the user name of a shared key; null: it has not said, or has a shared key and no name. */
  readonly peer: string | null;
  /** Whether that was proven. */
  readonly verified: boolean;
}

/** Absent: no TLS. */
export function tlsMember(peer: TlsPeer | undefined): { readonly tls?: TlsMember } {
  if (peer === undefined) return {};
  const { version, cipher, name = null, verified } = peer;
  return { tls: { version, cipher, peer: name, verified } };
}

/** One line of a summary; nothing without TLS. */
export function tlsLine(what: string, tls: TlsMember | undefined): string {
  if (tls === undefined) return '';
  const { version, cipher, peer, verified } = tls;
  // Of a shared key only the source has a name: a destination proves that it has the key.
  const nobody = verified ? 'the other end has the shared key' : 'the other end did not say who it is';
  const who = peer === null ? nobody : plain(peer);
  return `${what}: ${version}, ${cipher}, ${who}${peer !== null && !verified ? ' (not verified)' : ''}`;
}
