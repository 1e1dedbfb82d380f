import { MultifdError } from '../../errors.js';
import type { Claim } from './group.js';

const MULTIFD_ON = 'turn multifd on at the source (migrate_set_capability multifd on)';

/** What has not come within `timeout` ms. */
export function missing(claims: readonly Claim[], channels: number, timeout: number): MultifdError {
  const came = claims.filter(({ role, proven }) => role === 'channel' && proven);
  const absent = Array.from({ length: channels }, (_, channel) => channel).filter(
    (channel) => !came.some((claim) => claim.channel === channel),
  );
  const what = [
    ...(claims.some(({ role, proven }) => role === 'main' && proven) ? [] : ['the main stream']),
    ...(absent.length > 0 ? [`channel ${absent.join(', ')} of ${channels}`] : []),
  ];
  const same = 'set multifd-channels to the same number on both ends';
  return new MultifdError('timeout', `${what.join(' and ')} did not connect within ${timeout} ms`, {
    hint: came.length === 0 ? `${MULTIFD_ON}, and ${same}` : same,
  });
}

/** Main goes on as it does once all channels are there, and there is none. */
export function alone(): MultifdError {
  return new MultifdError(
    'incompatible',
    'main stream: the source sends its pages there and has no channel',
    {
      hint: MULTIFD_ON,
    },
  );
}

export function closedEarly(): MultifdError {
  return new MultifdError(
    'peer-closed',
    'main stream: the source closed it before all its connections were there',
    { hint: "see the source's own message" },
  );
}
