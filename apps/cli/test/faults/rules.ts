import { type ErrorCode, MultifdError } from '@multifd/core';
import { EXIT, endOf as exitCodeOf } from '../../src/exit-codes.ts';
import { isRole, mayBeEither } from './cases.ts';
import { type Document, type EndOutcome, endOf, type Outcome } from './outcome.ts';

/** Most lines beside an error and its hint: that it listens, and what a signal or a failure made it say. */
const MOST_NOTES = 5;
const PLACES = ['source', 'destination', 'either'] as const;
/** Nothing else stays of a destination that was killed. */
const UNFINISHED = {
  file: /^\.guest\.mig\.(partial|replaced)-[0-9a-f]{16}$/,
  store: /^guests\/(\.guest\.partial-[0-9a-f]{16}|partial\/.+|leases\/.+)$/,
} as const;

/** What is wrong with a case, one line each. */
export function faultsOf(outcome: Outcome): readonly string[] {
  return [
    ...outcome.ends.flatMap((end) => faultsOfEnd(outcome, end).map((fault) => `${end.role}: ${fault}`)),
    ...faultsOfPlaces(outcome),
    ...faultsOfState(outcome),
    ...faultsOfFile(outcome),
    ...outcome.strays.map((each) => `left behind: ${each}`),
  ];
}

function isKilled({ case: { fault } }: Outcome, { isStruck }: EndOutcome): boolean {
  return isStruck && fault === 'kill';
}

function faultsOfEnd(outcome: Outcome, end: EndOutcome): readonly string[] {
  if (end.seconds === undefined) return ['it did not end'];
  if (isKilled(outcome, end)) return end.signal === 'SIGKILL' ? [] : ['SIGKILL did not end it'];
  const { code, signal, document } = end;
  if (signal !== null || code === null) return [`ended by ${String(signal)}`];
  if (end.hasWaited) return code === EXIT.done ? [] : [`exit code ${code}, with the guest of another source`];
  const words = faultsOfWords(end);
  if (document === undefined) return [`exit code ${code}, and no document`, ...words];
  const { guestAt, status } = document;
  const faults = [...words];
  const expected = exitCode(document);
  if (code !== expected) faults.push(`exit code ${code}, and not ${expected} (${JSON.stringify(document)})`);
  if (guestAt === 'either' && !mayBeEither(outcome.case, end.role)) faults.push('says either, and may not');
  if (status === 'completed' && guestAt === 'source')
    faults.push('completed, and the guest is at its source');
  if (end.role === 'source') faults.push(...faultsOfGuest(document));
  if (end.role === 'source' && code === EXIT.left && document.errorDesc?.startsWith('not verified') !== true)
    faults.push(`exit code ${code}, and does not say that it is not verified: ${String(document.errorDesc)}`);
  return faults;
}

/** By apps/cli/src/exit-codes.ts. */
function exitCode({ status, errorClass, guestAt }: Document): number {
  const completed = status === 'completed';
  if (errorClass === undefined) return completed ? EXIT.done : EXIT.failed;
  const guest = PLACES.find((place) => place === guestAt);
  const code = CODES.find((each) => each === errorClass) ?? 'internal';
  return exitCodeOf(completed, new MultifdError(code, 'x', guest === undefined ? {} : { guest }));
}

const CODES = [
  'usage',
  'protocol',
  'incompatible',
  'peer-closed',
  'timeout',
  'cancelled',
  'accelerator',
  'accelerator-unavailable',
  'host-unavailable',
  'guest',
  'io',
] as const satisfies readonly ErrorCode[];

/** A source's guest runs on unless it has left. */
function faultsOfGuest({ guestAt, guestState }: Document): readonly string[] {
  const expected = guestAt === 'destination' ? 'stopped' : 'runs';
  // One that was never made.
  if (guestState === expected || (guestState === undefined && guestAt === 'source')) return [];
  return [`guest-at ${String(guestAt)}, and its guest ${String(guestState)}`];
}

/** An error is one line, and a hint another, as the document has them; notes before that are few. */
function faultsOfWords({ stderr, document }: EndOutcome): readonly string[] {
  const foreign = stderr.filter((line) => !/^(multifd|hint): ./.test(line));
  const faults = foreign.map((line) => `says: ${line}`);
  if (document === undefined) return faults;
  const { errorDesc, hint } = document;
  const tail = [
    ...(errorDesc === undefined ? [] : [`multifd: ${errorDesc}`]),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ];
  const notes = stderr.slice(0, stderr.length - tail.length);
  if (stderr.slice(notes.length).join('\n') !== tail.join('\n'))
    faults.push(`ends with ${JSON.stringify(stderr.slice(-2))}, and not with ${JSON.stringify(tail)}`);
  if (notes.some((line) => line.startsWith('hint: '))) faults.push('a hint without an error');
  if (notes.length > MOST_NOTES) faults.push(`says ${notes.length} lines: ${notes.join(' | ')}`);
  if (/mistake of ours/.test(stderr.join('\n')) || document.errorClass === 'internal')
    faults.push('a mistake of ours');
  return faults;
}

/** Exactly one place has the guest. */
function faultsOfPlaces(outcome: Outcome): readonly string[] {
  const words = outcome.ends.flatMap(({ role, document, hasWaited }) =>
    hasWaited || document?.guestAt === undefined ? [] : [{ role, guestAt: document.guestAt }],
  );
  const said = words.map(({ role, guestAt }) => `${role}: ${guestAt}`).join(', ');
  const at = (place: string): boolean => words.some(({ guestAt }) => guestAt === place);
  if (at('source') && at('destination')) return [`the ends contradict each other: ${said}`];
  const destination = endOf(outcome, 'destination');
  const has = destination?.document?.guestAt;
  if (destination !== undefined && !isKilled(outcome, destination) && at('destination') && has === undefined)
    return [`the destination has not got what it has: ${said}`];
  const source = endOf(outcome, 'source');
  const isGone = source !== undefined && isKilled(outcome, source);
  return words.length === 0 && !isGone ? ['nobody says where the guest is'] : [];
}

/** What has to come of a fault in that state. */
function faultsOfState(outcome: Outcome): readonly string[] {
  const { fault, state, at } = outcome.case;
  const places = outcome.ends.map(({ document, hasWaited }) => (hasWaited ? undefined : document?.guestAt));
  if (fault === 'delay') {
    const late = outcome.ends.filter(({ code }) => code !== EXIT.done);
    const verified = endOf(outcome, 'source')?.document?.isVerified === true;
    return [
      ...late.map(({ role, code }) => `${role}: exit code ${String(code)} after a delay`),
      ...(verified ? [] : ['not verified']),
    ];
  }
  // Short descriptors and a full disk matter only where one is needed.
  if (state !== 'setup' && outcome.ends.some(({ hasWaited }) => hasWaited))
    return ['an end waits for another source'];
  const isShort = fault === 'no descriptors' || fault === 'full disk';
  const isEarly = state === 'setup' || state === 'active';
  if (isEarly && !isShort && places.includes('destination')) return ['the guest has left'];
  if (isEarly && fault === 'cancel' && isRole(at) && endOf(outcome, at)?.code !== EXIT.interrupted)
    return [`${at}: cancelled, and exit code ${String(endOf(outcome, at)?.code)}`];
  if (state === 'completed' && places.includes('source')) return ['the guest has come back'];
  return [];
}

/** The file, or the new snapshot, is there if and only if the destination has the guest; then it is complete. */
function faultsOfFile(outcome: Outcome): readonly string[] {
  const destination = endOf(outcome, 'destination');
  const { inspected } = outcome.kept;
  const { target } = outcome.case;
  const killed = destination !== undefined && isKilled(outcome, destination);
  const left = outcome.left.filter((name) => !(killed && UNFINISHED[target].test(name)));
  const faults = [...outcome.kept.faults, ...left.map((name) => `left behind: ${name}`)];
  if (inspected !== undefined && inspected !== EXIT.done)
    faults.push(`inspect ends with ${String(inspected)}`);
  if (killed) return faults;
  const has = destination?.document?.status === 'completed';
  if (has && inspected === undefined) faults.push(`the destination has the guest, and no ${target}`);
  if (!has && inspected !== undefined) faults.push(`the destination has no guest, and a ${target}`);
  return faults;
}
