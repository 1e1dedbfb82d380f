import type { Counters } from '../../thread/counters.js';
import type { TlsPeer } from './credentials.js';

/**
 * Adds who does the channels' TLS, as far as their threads have said.
 * @param host name of the host's `socketIo`.
 */
export function withChannels(
  tls: TlsPeer | undefined,
  counters: Counters,
  host: string | undefined,
): TlsPeer | undefined {
  if (tls === undefined) return undefined;
  const names = { none: undefined, node: 'node:tls', host } as const;
  const rows = Array.from({ length: counters.rows - 1 }, (_, channel) => counters.row(channel + 1));
  const found = new Set(rows.flatMap(({ tlsBy }) => names[tlsBy] ?? []));
  return found.size === 0 ? tls : { ...tls, channels: [...found].toSorted().join(' and ') };
}
