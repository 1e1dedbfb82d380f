import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Guest, type MigrationParameters, migrate, receive, relay } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeAfterTest } from '../support/ends.js';
import { FAULTS, FaultyLine } from '../support/faulty-line.js';
import { PLAIN } from '../support/fixtures.js';
import { buildModel, replay, whyNoModel } from '../support/handover-model.js';
import { HandoverTrace, type Injected, type TraceLine } from '../support/handover-trace.js';
import { host } from '../support/host.js';
import { inTime } from '../support/outcome.js';

const LISTEN = 'tcp:127.0.0.1:0';

/** What a run can do while it goes on. */
interface Running {
  /** Before the destination, if the run wants one. */
  readonly proxy: FaultyLine | undefined;
  cancelSource(): void;
  cancelDestination(): void;
}

interface Run {
  readonly relay?: boolean;
  readonly returnPath?: boolean;
  /** A proxy stands before the destination. */
  readonly proxy?: boolean;
  readonly faults?: readonly Injected[];
  readonly parameters?: Partial<MigrationParameters>;
  /** Called with each status of the source. */
  readonly source?: (status: string, running: Running) => void;
  readonly commit?: (running: Running) => void | Promise<void>;
  readonly guest?: Partial<Guest>;
  /** The destination waits on when the source has ended: for another one. */
  readonly waitsOn?: boolean;
  /** Events that must be among those of the run; their order is the model's to judge. */
  readonly sees: readonly string[];
}

/** Runs one migration in this process, and notes what can be seen of it. */
async function record(name: string, run: Run): Promise<TraceLine> {
  const trace = new HandoverTrace();
  const { returnPath = true, faults = [] } = run;
  const parameters = { multifdChannels: 1, returnPath, stallTimeout: 20_000, ...run.parameters };
  const commit = trace.commit(() => run.commit?.(running));
  const end = await receive({
    listen: LISTEN,
    parameters: { multifdChannels: 1, stallTimeout: 20_000 },
    commit,
    onEvent: trace.listener('destination'),
    ...host,
  });
  closeAfterTest(end);
  const proxy = run.proxy === true ? closeAfterTest(await FaultyLine.open(end.address)) : undefined;
  const cancel = new AbortController();
  const running: Running = {
    proxy,
    cancelSource: () => {
      trace.note('source', 'cancel');
      cancel.abort();
    },
    cancelDestination: () => {
      trace.note('destination', 'cancel');
      end.close();
    },
  };
  const ends = [trace.ended('destination', end.result)];
  let to = proxy?.address ?? end.address;
  if (run.relay === true) {
    const outgoing: Partial<MigrationParameters> = {
      ...parameters,
      zeroPageDetection: 'none',
      returnPath: true,
    };
    const onEvent = trace.listener('relay');
    const incoming = { multifdChannels: 1, stallTimeout: 20_000 };
    const between = closeAfterTest(await relay({ listen: LISTEN, to, incoming, outgoing, onEvent, ...host }));
    ends.push(trace.ended('relay', between.result));
    to = between.address;
  }
  const guest = trace.guest(testSeed(), run.guest);
  const onEvent = trace.listener('source', (status) => run.source?.(status, running));
  const source = { ...parameters, ...(run.relay === true ? { stallTimeout: 20_000 } : {}) };
  await inTime(
    trace.sent(
      migrate({ guest, to, accelerator: PLAIN, parameters: source, signal: cancel.signal, onEvent, ...host }),
    ),
    'migrate',
  );
  if (run.waitsOn === true) running.cancelDestination();
  await inTime(Promise.all(ends), 'the other ends');
  return { name, relay: run.relay === true, returnPath, faults, events: trace.events };
}

/** Throws once, before the guest is handed over: behind the failure the guest is intact again. */
function brokenOnce(): () => void {
  let calls = 0;
  return () => {
    calls++;
    if (calls === 1) throw new Error('a file was written to');
  };
}

const full = (): never => {
  throw new Error('disk full');
};
const [refused, inDoubt] = [
  ['source.failed', 'source.resume', 'source.says.source'],
  ['source.failed', 'source.resume', 'source.says.either'],
];

const RUNS: Readonly<Record<string, Run>> = {
  'nothing happens': { sees: ['source.completed'] },
  'nothing happens, without a return path': { returnPath: false, sees: ['source.completed'] },
  'nothing happens, through a relay': { relay: true, sees: ['source.completed'] },
  'nothing happens, through a relay and without a return path': {
    relay: true,
    returnPath: false,
    sees: ['source.completed', 'relay.says.destination'],
  },
  'cancelled at setup': {
    source: (status, { cancelSource }) => void (status === 'setup' && cancelSource()),
    waitsOn: true,
    sees: ['source.cancelled', 'source.says.source', 'destination.says.nobody'],
  },
  'cancelled when active': {
    source: (status, { cancelSource }) => void (status === 'active' && cancelSource()),
    sees: ['source.cancelled', 'source.says.source'],
  },
  'cancelled at the device state': {
    source: (status, { cancelSource }) => void (status === 'device' && cancelSource()),
    sees: ['source.stop', 'source.cancelling', 'source.resume', 'source.cancelled'],
  },
  'cancelled when the destination has everything': {
    commit: ({ cancelSource }) => cancelSource(),
    sees: ['source.cancel', 'source.too-late', 'source.completed'],
  },
  'the destination is cancelled in commit': {
    commit: ({ cancelDestination }) => cancelDestination(),
    sees: refused,
  },
  'the destination is cancelled in commit, when the guest has left': {
    returnPath: false,
    commit: ({ cancelDestination }) => cancelDestination(),
    sees: ['destination.cancel', 'destination.too-late', 'destination.completed'],
  },
  'the guest is not intact when all was sent': {
    guest: { intact: brokenOnce() },
    faults: ['trouble'],
    sees: refused,
  },
  'commit fails': { commit: full, sees: ['destination.commit-failed', ...refused] },
  'commit fails, without a return path': { returnPath: false, commit: full, sees: inDoubt },
  // The proxy ends what the destination breaks: the guest is lost, and a source without a return path cannot know.
  'commit fails behind a proxy, without a return path': {
    returnPath: false,
    proxy: true,
    commit: full,
    faults: ['cut', 'late'],
    sees: ['destination.says.either', 'source.completed'],
  },
  'commit fails behind a relay': {
    relay: true,
    commit: full,
    sees: ['destination.says.source', 'source.says.source'],
  },
  'the connection breaks behind the hand-over': {
    proxy: true,
    commit: ({ proxy }) => proxy && FAULTS['main is reset']?.(proxy),
    faults: ['lose'],
    sees: inDoubt,
  },
  'the destination is not heard behind the hand-over': {
    proxy: true,
    commit: ({ proxy }) => proxy?.muteDestination(),
    parameters: { stallTimeout: 1500 },
    faults: ['cut', 'late'],
    sees: inDoubt,
  },
  'the destination is not heard behind the hand-over by a relay': {
    relay: true,
    proxy: true,
    commit: ({ proxy }) => proxy?.muteDestination(),
    parameters: { stallTimeout: 1500 },
    faults: ['cut', 'late'],
    sees: ['relay.says.either'],
  },
};

/** Real runs, each a line. */
const folder = mkdtempSync(join(tmpdir(), 'multifd-traces-'));
const file = join(folder, 'traces.jsonl');
const why = whyNoModel();

afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(why !== undefined)(
  `the model of the hand-over${why === undefined ? '' : ` (${why})`}`,
  () => {
    // Cargo builds a model checker first.
    beforeAll(buildModel, 600_000);

    it.each(Object.entries(RUNS))('%s: what the code does, the model can do', async (name, run) => {
      const line = await record(name, run);
      const { events } = line;
      expect(events).toEqual(expect.arrayContaining([...run.sees]));
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      expect(replay(JSON.stringify(line)), `${events}`).toEqual([`${name}: accepted`]);
    });

    it('accepts all of them together', () => {
      const lines = readFileSync(file, 'utf8');
      const names = lines
        .trimEnd()
        .split('\n')
        .map((line): string => JSON.parse(line).name);
      expect(names.length).toBeGreaterThan(0);
      expect(replay(lines)).toEqual(names.map((name) => `${name}: accepted`));
    });

    describe('refuses a run with one event that must not be', () => {
      /** A run that goes well, with `event` behind the first `after`. */
      const refuses = async (after: string, event: string): Promise<void> => {
        const line = await record('wrong', { sees: [] });
        const at = line.events.indexOf(after) + 1;
        const wrong = { ...line, events: line.events.toSpliced(at, 0, event) };
        expect(replay(JSON.stringify(wrong)), `${wrong.events}`).toEqual([
          `wrong: refused at event ${at + 1}: ${event}`,
        ]);
      };

      it('the source resumes its guest although the destination has confirmed', () =>
        refuses('source.completed', 'source.resume'));
      it('the destination completes before it has committed', () =>
        refuses('destination.commit', 'destination.completed'));
      it('the source completes before its guest stands still', () =>
        refuses('source.active', 'source.completed'));

      it('and one that leaves an event out', async () => {
        const line = await record('short', { commit: full, sees: [] });
        const events = line.events.filter((event) => event !== 'source.resume');
        expect(replay(JSON.stringify({ ...line, events }))).toEqual([
          `short: refused at event ${events.indexOf('source.says.source') + 1}: source.says.source`,
        ]);
      });
    });
  },
);
