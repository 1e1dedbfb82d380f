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
  /** What does TLS on the channels: `node:tls`, or `host-linux`; null: no channel was connected. */
  readonly channels: string | null;
}

/** Absent: no TLS. */
export function tlsMember(peer: TlsPeer | undefined): { readonly tls?: TlsMember } {
  if (peer === undefined) return {};
  const { version, cipher, name = null, verified, channels = null } = peer;
  return { tls: { version, cipher, peer: name, verified, channels } };
}

/** One line of a summary; nothing without TLS. */
export function tlsLine(what: string, tls: TlsMember | undefined): string {
  if (tls === undefined) return '';
  const { version, cipher, peer, verified, channels } = tls;
  // Of a shared key only the source has a name: a destination proves that it has the key.
  const nobody = verified ? 'the other end has the shared key' : 'the other end did not say who it is';
  const who = peer === null ? nobody : plain(peer);
  const by = channels === null ? '' : `, channels by ${channels}`;
  return `${what}: ${version}, ${cipher}, ${who}${peer !== null && !verified ? ' (not verified)' : ''}${by}`;
}
