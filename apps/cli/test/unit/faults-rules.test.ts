import { describe, expect, it } from 'vitest';
import { Answers } from '../faults/answers.js';
import { allCases, type Case, nameOf, type Role } from '../faults/cases.js';
import type { Document, EndOutcome, Outcome } from '../faults/outcome.js';
import { neutral, reportOf } from '../faults/report.js';
import { faultsOf } from '../faults/rules.js';

const CUT: Case = { fault: 'cut', state: 'active', at: 'source-destination', relayed: false, target: 'file' };
const NOTHING_KEPT = { inspected: undefined, faults: [] };
const DOCUMENT: Document = {
  status: 'failed',
  guestAt: 'source',
  errorClass: 'peer-closed',
  errorDesc: 'the line is gone',
  hint: 'the guest is intact here',
  isVerified: false,
  guestState: undefined,
  host: undefined,
};

function end(role: Role, document: Partial<Document> = {}, rest: Partial<EndOutcome> = {}): EndOutcome {
  const whole = { ...DOCUMENT, ...(role === 'source' ? { guestState: 'runs' } : {}), ...document };
  const { errorDesc, hint } = whole;
  return {
    role,
    isStruck: false,
    hasWaited: false,
    code: 1,
    signal: null,
    document: whole,
    stderr: [
      ...(errorDesc === undefined ? [] : [`multifd: ${errorDesc}`]),
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ],
    steps: [],
    seconds: 1,
    ...rest,
  };
}

const SUCCESS = {
  status: 'completed',
  guestAt: 'destination',
  errorClass: undefined,
  errorDesc: undefined,
  hint: undefined,
} as const;

/** Of a line that was cut while the guest was on its way. */
function outcome(rest: Partial<Outcome> = {}): Outcome {
  const ends = [end('destination'), end('source')];
  return { case: CUT, ends, kept: NOTHING_KEPT, left: [], strays: [], ...rest };
}

/** Of a migration that was delayed. */
function delayed(rest: Partial<Outcome> = {}): Outcome {
  const source = end('source', { ...SUCCESS, guestState: 'stopped', isVerified: true }, { code: 0 });
  const ends = [end('destination', SUCCESS, { code: 0 }), source];
  return outcome({ case: { ...CUT, fault: 'delay' }, ends, kept: { inspected: 0, faults: [] }, ...rest });
}

describe('what is at fault', () => {
  it('nothing, if all is as it should be', () => {
    expect(faultsOf(outcome())).toEqual([]);
    expect(faultsOf(delayed())).toEqual([]);
  });

  const destination = end('destination');
  const source = end('source');
  const killed: Case = { fault: 'kill', state: 'active', at: 'destination', relayed: false, target: 'file' };
  const dead = end('destination', {}, { code: null, signal: 'SIGKILL', isStruck: true, document: undefined });
  it.each<[string, Outcome, RegExp]>([
    [
      'an end that hangs',
      outcome({ ends: [end('destination', {}, { seconds: undefined }), source] }),
      /did not end/,
    ],
    [
      'a signal that nobody sent',
      outcome({ ends: [destination, end('source', {}, { code: null, signal: 'SIGABRT' })] }),
      /ended by SIGABRT/,
    ],
    [
      'another exit code',
      outcome({ ends: [destination, end('source', {}, { code: 130 })] }),
      /exit code 130, and not 1/,
    ],
    [
      'no document',
      outcome({ ends: [destination, end('source', {}, { document: undefined })] }),
      /no document/,
    ],
    ['either, too early', outcome({ ends: [destination, end('source', { guestAt: 'either' })] }), /may not/],
    [
      'a guest that stands still',
      outcome({ ends: [destination, end('source', { guestState: 'stopped' })] }),
      /its guest stopped/,
    ],
    [
      'a stack',
      outcome({ ends: [destination, end('source', {}, { stderr: ['    at x (y:1:1)', ...source.stderr] })] }),
      /says: +at x/,
    ],
    [
      'other words than the document',
      outcome({ ends: [destination, end('source', {}, { stderr: ['multifd: no'] })] }),
      /ends with/,
    ],
    [
      'a mistake of ours',
      outcome({ ends: [destination, end('source', { errorClass: 'internal' })] }),
      /a mistake of ours/,
    ],
    [
      'many lines',
      outcome({
        ends: [
          destination,
          end('source', {}, { stderr: [...Array(9).fill('multifd: x'), ...source.stderr] }),
        ],
      }),
      /says 9 lines/,
    ],
    [
      'a guest that left too early',
      outcome({
        ends: [
          end('destination', SUCCESS, { code: 0 }),
          end('source', { ...SUCCESS, guestState: 'stopped' }, { code: 0 }),
        ],
        kept: { inspected: 0, faults: [] },
      }),
      /the guest has left/,
    ],
    ['two guests', delayed({ ends: [end('destination', SUCCESS, { code: 0 }), source] }), /contradict/],
    [
      'no guest',
      delayed({
        ends: [
          end('destination', { guestAt: undefined }),
          end('source', { ...SUCCESS, guestState: 'stopped' }, { code: 0 }),
        ],
      }),
      /has not got/,
    ],
    ['a delay that fails', outcome({ case: { ...CUT, fault: 'delay' } }), /after a delay/],
    [
      'not verified',
      delayed({
        ends: [
          end('destination', SUCCESS, { code: 0 }),
          end('source', { ...SUCCESS, guestState: 'stopped' }, { code: 0 }),
        ],
      }),
      /not verified/,
    ],
    [
      'exit code 5 without a reason',
      delayed({
        ends: [
          end('destination', SUCCESS, { code: 0 }),
          end('source', { ...DOCUMENT, status: 'completed', guestAt: 'destination' }, { code: 5 }),
        ],
      }),
      /does not say that it is not verified/,
    ],
    ['a file too many', outcome({ kept: { inspected: 0, faults: [] } }), /has no guest, and a file/],
    ['a file that is not there', delayed({ kept: NOTHING_KEPT }), /and no file/],
    [
      'an old snapshot that is gone',
      outcome({ kept: { inspected: undefined, faults: ['the old snapshot is gone'] } }),
      /old snapshot/,
    ],
    ['a file that is not whole', delayed({ kept: { inspected: 1, faults: [] } }), /inspect ends with 1/],
    ['a part of a file', outcome({ left: ['.guest.mig.partial-0123456789abcdef'] }), /left behind/],
    [
      'something else behind one that was killed',
      outcome({ case: killed, ends: [dead, source], left: ['x'] }),
      /left behind: x/,
    ],
    ['a process', outcome({ strays: ['a process: x'] }), /left behind: a process/],
  ])('%s', (_, wrong, words) => {
    expect(faultsOf(wrong).join('\n')).toMatch(words);
  });

  it('not what a destination that was killed could not remove', () => {
    const left = ['.guest.mig.partial-0123456789abcdef'];
    expect(faultsOf(outcome({ case: killed, ends: [dead, source], left }))).toEqual([]);
  });
});

it('the report: where the guest is, and words without ports and paths', () => {
  expect(reportOf(delayed())).toMatchObject({ guest: 'at its destination', seconds: 1 });
  const both = outcome({
    ends: [end('destination', SUCCESS), end('source', { guestAt: 'either' })],
    kept: { inspected: 0, faults: [] },
  });
  expect(reportOf(both).guest).toBe('at both; source: `either`');
  expect(neutral('127.0.0.1:4711: /tmp/x/.g.partial-0123456789abcdef: process 12')).toBe(
    'HOST:PORT: .g.partial-…: process N',
  );
});

it('every case has a name of its own', () => {
  const names = allCases().map(nameOf);
  expect(new Set(names).size).toBe(names.length);
  expect(allCases('kill:setup:source', ['file'])).toHaveLength(2);
});

describe('the return path', () => {
  const PONG = Buffer.from([0, 2, 0, 4, 0, 0, 0, 1]);
  const SHUT = Buffer.from([0, 1, 0, 4, 0, 0, 0, 0]);
  const FAILED = Buffer.from([0, 1, 0, 4, 0, 0, 0, 1]);

  /** Byte by byte, as a network may bring it. */
  function through(answers: Answers, bytes: Buffer): Buffer {
    return Buffer.concat([...bytes].map((byte) => answers.pass(Buffer.from([byte]))));
  }

  it.each([
    ['answer', PONG, Buffer.concat([SHUT, PONG])],
    ['behind the answer', Buffer.concat([PONG, SHUT]), PONG],
  ] as const)('stops: %s', (hold, passed, held) => {
    const answers = new Answers();
    answers.limit(hold);
    expect(through(answers, Buffer.concat([passed, held]))).toEqual(passed);
    expect(answers.isHeld).toBe(true);
    expect(answers.limit('nothing')).toEqual(held);
    expect(answers.isHeld).toBe(false);
  });

  it('a refusal is no answer', () => {
    const answers = new Answers();
    answers.limit('answer');
    expect(through(answers, Buffer.concat([FAILED, PONG]))).toEqual(Buffer.concat([FAILED, PONG]));
  });
});
