import { type GuestPlace, MultifdError } from '../errors.js';

/** Where the guest is, as far as one end knows, and that end's message about it. */
export interface GuestWord {
  readonly guest: GuestPlace;
  readonly words: string;
}

/*
 * All messages about who has the guest are here, so that they derive only from the shared memory that decides it:
 * `SourceControl.guest` and `DestinationControl.guest`.
 */

const LET_GO = 'did not wait for an answer and may have let go of the guest';
const LOOK = 'look whether it still has it, run it there if so, and turn return-path on there next time';

const SOURCE: Readonly<Record<GuestPlace, string>> = {
  source: 'the guest is intact here',
  destination: 'the destination has the guest: do not run it here',
  either: 'both may have the guest: make sure that the guest does not run there',
};

const DAMAGED = 'the guest was not handed over, but here it is not as it was: look at it before you run it';

const DESTINATION: Readonly<Record<GuestPlace, string>> = {
  // The source may have been killed: its connections then end as those of one that has failed.
  source: 'the guest was not handed over: it is at its source, if that still runs',
  destination: 'the guest is here: do not run it on its source',
  either: `the source ${LET_GO}: ${LOOK}`,
};

/**
 * The source's message.
 * @param guest `SourceControl.guest`.
 * @param damage what happened to the guest, if it is no longer what it was when the migration began.
 */
export function saidBySource(guest: GuestPlace, damage?: readonly string[]): GuestWord {
  const isDamaged = guest === 'source' && damage !== undefined;
  return { guest, words: isDamaged ? [...damage, DAMAGED].join('; ') : SOURCE[guest] };
}

/** Of a destination that has told its source of success, and has not seen yet that it closes main. */
export const NOT_CLOSED: GuestWord = {
  guest: 'either',
  words:
    'both may have the guest: the source was told that it has left, and has not closed its main stream yet, as one with ' +
    'COLO (x-colo) never does: look there before you start the guest',
};

/** The destination's message. @param guest `DestinationControl.guest`. */
export function saidByDestination(guest: GuestPlace): GuestWord {
  return { guest, words: DESTINATION[guest] };
}

/**
 * A relay's message.
 * @param incoming `DestinationControl.guest`: `source` if its source waits for a reply and has not got it.
 * @param outgoing `SourceControl.guest`: `source` if its destination does not have the guest.
 */
export function saidByRelay(incoming: GuestPlace, outgoing: GuestPlace): GuestWord {
  if (outgoing === 'source') {
    return incoming === 'source'
      ? { guest: 'source', words: DESTINATION.source }
      : {
          guest: 'either',
          words: `the destination does not have the guest, and the source ${LET_GO}: ${LOOK}`,
        };
  }
  // A source that waits and hears of no success takes its guest back.
  if (incoming === 'source') {
    return { guest: 'either', words: 'both may have the guest: make sure that it runs on one of them only' };
  }
  return outgoing === 'destination'
    ? { guest: 'destination', words: 'the destination has the guest: do not run it on its source' }
    : {
        guest: 'either',
        words: `the source ${LET_GO}, and the destination may have it: look which of them has it, and run it there only`,
      };
}

/**
 * Adds who has the guest, as data and in words, to the error that ends a migration.
 * @param word undefined if there is no guest yet: no source has connected.
 */
export function withGuest(error: MultifdError, word: GuestWord | undefined): MultifdError {
  if (word === undefined || error.guest !== undefined) return error;
  const { guest, words } = word;
  const { code, message, hint } = error;
  const told = new MultifdError(code, message, {
    cause: error.cause,
    hint: hint === undefined ? words : `${hint}; ${words}`,
    guest,
  });
  if (error.stack !== undefined) told.stack = error.stack;
  return told;
}
