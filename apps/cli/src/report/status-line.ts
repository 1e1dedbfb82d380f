import type { GuestPlace } from '@multifd/core';

/** First line of a summary: a migration after which the source may have its guest too is not just completed. */
export function statusLine(document: {
  readonly status: string;
  readonly 'guest-at': GuestPlace | null;
}): string {
  const isEither = document.status === 'completed' && document['guest-at'] === 'either';
  return `Migration status: ${document.status}${isEither ? ', but the source may have the guest too (guest-at: either)' : ''}`;
}
