import { MultifdError } from '../../errors.js';
import { type ChannelCount, type Claim, missingChannels } from './group.js';

const MULTIFD_ON = 'turn multifd on at the source (migrate_set_capability multifd on)';
const SAME_NUMBER = 'set multifd-channels to the same number on both ends';

/** The error that names what has not come within `timeout` ms. */
export function missing(claims: readonly Claim[], channels: number, timeout: number): MultifdError {
  const came = claims.filter(({ role, proven }) => role === 'channel' && proven);
  const absent = missingChannels(claims, channels);
  const what = [
    ...(claims.some(({ role, proven }) => role === 'main' && proven) ? [] : ['the main stream']),
    ...(absent.length > 0 ? [`channel ${absent.join(', ')} of ${channels}`] : []),
  ];
  const isLeft = absent.some((channel) => came.some((claim) => claim.channel === channel));
  const left = isLeft ? '; what was there before the main stream may be left of another source' : '';
  return new MultifdError('timeout', `${what.join(' and ')} did not connect within ${timeout} ms${left}`, {
    hint: came.length === 0 ? `${MULTIFD_ON}, and ${SAME_NUMBER}` : SAME_NUMBER,
  });
}

/** The error for a source that has not `channels` channels. Both ends show it. */
export function otherNumber({ atLeast, isExact }: ChannelCount, channels: number): MultifdError {
  const source = `${isExact ? '' : 'at least '}${atLeast} ${atLeast === 1 ? 'channel' : 'channels'}`;
  return new MultifdError('incompatible', `the source has ${source}, expected ${channels}`, {
    hint: SAME_NUMBER,
  });
}

/** @param who is claimed, and by `from`, too. */
export function claimedTwice(who: string, from: string): MultifdError {
  return new MultifdError(
    'protocol',
    `${who} connected twice: ${from} came when all connections were there, and nobody can tell which is the source's`,
    { hint: 'two sources came at once, or something is left of another one: migrate again' },
  );
}

/** The error for a main that has passed the setup sync without any channel. */
export function alone(): MultifdError {
  return new MultifdError(
    'incompatible',
    'main stream: the source sends its pages there and has no channel',
    {
      hint: MULTIFD_ON,
    },
  );
}

/** The error for a main whose channels are another guest's: a QEMU says its uuid there only. @param why of a channel. */
export function otherGuest({ message, hint }: MultifdError): MultifdError {
  return new MultifdError('incompatible', `the source has another guest: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * The error for a source whose connections are all there, and which has sent no page and ended.
 * @param isMain whether it has closed main; else a channel.
 */
export function gaveUp(isMain: boolean): MultifdError {
  const what = isMain ? 'main stream: the source closed it' : 'the source closed a channel';
  return new MultifdError('peer-closed', `${what} before it sent a page`, {
    hint: "it may have waited too long for this end: see the source's own message",
  });
}

export function closedEarly(): MultifdError {
  return new MultifdError(
    'peer-closed',
    'main stream: the source closed it before all its connections were there',
    { hint: "see the source's own message" },
  );
}

/** Why a connection is refused that has exceeded `setupTimeout`. */
export function whyLate({ role, channel, proven }: Claim): string {
  if (role === undefined) return 'silent for too long';
  const who = role === 'main' ? 'main stream' : `channel ${channel}`;
  return `${who}: ${proven ? 'no main stream came' : 'it said no more'}`;
}
