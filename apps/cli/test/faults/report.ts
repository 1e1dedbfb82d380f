import type { Case, Role } from './cases.ts';
import { type EndOutcome, endOf, type Outcome } from './outcome.ts';

/** What `--report` writes. */
export interface Report {
  readonly date: string;
  readonly node: string;
  /** Of the whole run. */
  readonly seconds: number;
  readonly cores: number;
  /** Of all that ran in its last five minutes. */
  readonly load: number;
  readonly failed: number;
  readonly skipped: number;
  /** How a source refuses the capability without which the state pre-switchover is not reached. */
  readonly 'pre-switchover': string;
  readonly cases: readonly CaseReport[];
}

export interface CaseReport extends Case {
  /** What became of it. */
  readonly guest: string;
  /** From the fault until every end had ended. */
  readonly seconds: number;
  /** Exit codes, or the signal. */
  readonly codes: Partial<Readonly<Record<Role, number | string>>>;
  /** Errors, without ports, paths and process ids. */
  readonly said: Partial<Readonly<Record<Role, string>>>;
}

export function reportOf(outcome: Outcome): CaseReport {
  const { ends } = outcome;
  const counted = ends.filter(({ hasWaited }) => !hasWaited);
  const seconds = Math.max(...counted.map((end) => end.seconds ?? Number.POSITIVE_INFINITY));
  return {
    ...outcome.case,
    guest: guestOf(outcome),
    seconds: Math.round(seconds * 10) / 10,
    codes: Object.fromEntries(ends.map((end) => [end.role, codeOf(end)])),
    said: Object.fromEntries(ends.flatMap((end) => saidBy(end).map((text) => [end.role, text]))),
  };
}

function codeOf({ hasWaited, code, signal }: EndOutcome): number | string {
  return hasWaited ? 'waits' : (code ?? signal ?? '?');
}

/** Where the guest is, and who does not know. */
function guestOf(outcome: Outcome): string {
  const source = endOf(outcome, 'source');
  const destination = endOf(outcome, 'destination');
  const isHere = outcome.kept.inspected !== undefined && destination?.hasWaited !== true;
  const unsure = outcome.ends
    .filter(({ document }) => document?.guestAt === 'either')
    .map(({ role }) => role);
  const words = unsure.length === 0 ? '' : `; ${unsure.join(', ')}: \`either\``;
  if (source?.signal === 'SIGKILL')
    return `${isHere ? 'at its destination' : 'ended with its source'}${words}`;
  const runs = source?.document?.guestState === 'runs';
  if (runs && isHere) return `at both${words}`;
  if (!runs && !isHere) return `NOWHERE${words}`;
  if (runs) return `at its source${words}`;
  return `at its destination${destination?.signal === 'SIGKILL' ? `, in its ${outcome.case.target}` : ''}${words}`;
}

function saidBy({ document, hasWaited }: EndOutcome): readonly string[] {
  return hasWaited || document?.errorDesc === undefined ? [] : [neutral(document.errorDesc)];
}

/** Without what differs from run to run. */
export function neutral(text: string): string {
  return text
    .replace(/\b(?:tcp:)?127\.0\.0\.1:\d+/g, 'HOST:PORT')
    .replace(/(?<![\w.])\/\S*\//g, '')
    .replace(/\.partial-[0-9a-f]{16}/g, '.partial-…')
    .replace(/\b(pid|process) \d+/g, '$1 N');
}
