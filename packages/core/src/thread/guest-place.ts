import { type GuestPlace, MultifdError } from '../errors.js';

/** Who says it: its own guest is meant, or its source's. */
export type Side = 'source' | 'destination' | 'relay';

/**
 * What a failed migration's error says of the guest. The only place with such words, so that they can come from nowhere
 * but the shared memory that decides (`SourceControl`, `DestinationControl`).
 */
const WORDS: Readonly<Record<Side, Readonly<Record<GuestPlace, string>>>> = {
  source: {
    source: 'the guest is intact here',
    destination: 'the destination has the guest: do not run it here',
    either: 'both may have the guest: make sure that the guest does not run there',
  },
  destination: {
    source: 'the guest is intact on its source',
    destination: 'the guest is here: do not run it on its source',
    either:
      'the source did not wait for an answer and may have let go of the guest: look whether it still has it',
  },
  relay: {
    source: 'the guest is intact on its source',
    destination: 'the destination has the guest: do not run it on its source',
    either: 'both may have the guest: make sure that it runs on one of them only',
  },
};

/**
 * The error that ends a migration, with who has the guest, as data and in words.
 * @param guest undefined if there is none yet: nobody has connected.
 */
export function withGuest(error: MultifdError, guest: GuestPlace | undefined, side: Side): MultifdError {
  if (guest === undefined || error.guest !== undefined) return error;
  const { code, message, hint } = error;
  const words = WORDS[side][guest];
  const told = new MultifdError(code, message, {
    cause: error.cause,
    hint: hint === undefined ? words : `${hint}; ${words}`,
    guest,
  });
  if (error.stack !== undefined) told.stack = error.stack;
  return told;
}
