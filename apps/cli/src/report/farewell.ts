import { type GuestPlace, MultifdError } from '@multifd/core';

/**
 * @param guest as core's result has it.
 * @param stallTimeout ms that the source had.
 * @throws MultifdError if the source was told and may have its guest all the same.
 */
export function checkFarewell(guest: GuestPlace, stallTimeout: number): void {
  if (guest !== 'either') return;
  throw new MultifdError(
    'timeout',
    `the source was told that its guest has left, and did not close its main stream (limit: ${stallTimeout} ms), or a relay ended before it could say so`,
    {
      hint:
        'look there (query-migrate) before you start the guest: with `completed`, or no process any more, it is at the ' +
        'destination only; with `colo` (COLO: x-colo was on) it still has the guest, paused: end that QEMU to keep the ' +
        'guest at the destination, or let it go on there with x-colo-lost-heartbeat, and turn x-colo off next time',
      guest,
    },
  );
}
