import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { type Case, nameOf, type Outcome, seedOf } from './cases.ts';
import { inspectBytes, readFileBoth } from './into/file.ts';
import { migrateTo } from './into/migrate.ts';
import { type Ending, intoReceive, intoRelay } from './into/receive.ts';
import { intoStore } from './into/store.ts';
import { answers, mappedFile, type Scenario, sourceScenario, streamFile } from './scenario.ts';
import { hostileStore } from './store-scenario.ts';

/** Runs cases in this process, one after another; `supervisor.ts` starts it, and ends it if a case hangs. */
const folder = mkdtempSync(join(tmpdir(), 'multifd-hostile-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.once('disconnect', () => process.exit());

process.on('message', (message) => {
  if (!isRequest(message)) throw new Error('not a case');
  void run(message.case, message.save).then((outcome) => process.send?.(outcome));
});

interface Request {
  readonly case: Case;
  /** Folder for the bytes of the case. */
  readonly save?: string;
}

function isRequest(message: unknown): message is Request {
  return typeof message === 'object' && message !== null && 'case' in message;
}

async function run(what: Case, save: string | undefined): Promise<Outcome> {
  const { scenario, play } = prepare(what);
  if (save !== undefined) keep(join(save, nameOf(what).replaceAll(':', '-')), scenario);
  try {
    return { twists: scenario.twists, ...(await play()) };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { twists: scenario.twists, end: 'thrown', faults: [`thrown: ${text}`] };
  }
}

function prepare(what: Case): { scenario: Scenario; play: () => Ending | Promise<Ending> } {
  const random = createRandom(seedOf(what));
  switch (what.kind) {
    case 'inspect': {
      const scenario = streamFile(random, what.keep);
      return { scenario, play: () => inspectBytes(scenario.rows[0] ?? new Uint8Array(0)) };
    }
    case 'file': {
      const scenario = mappedFile(random, what.keep);
      return { scenario, play: () => readFileBoth(folder, scenario.rows[0] ?? new Uint8Array(0)) };
    }
    case 'receive': {
      const scenario = sourceScenario(random, what.keep);
      return { scenario, play: () => intoReceive(scenario) };
    }
    case 'relay': {
      const scenario = sourceScenario(random, what.keep);
      return { scenario, play: () => intoRelay(scenario) };
    }
    case 'destination': {
      const channels = 1 + random.int(2);
      const scenario = answers(random, channels, what.keep);
      return { scenario, play: () => migrateTo(random, channels, scenario.rows[0] ?? new Uint8Array(0)) };
    }
    case 'store': {
      const scenario = hostileStore(random, what.keep);
      return { scenario, play: () => intoStore(folder, scenario) };
    }
    default:
      throw new Error(`${what.kind} is a case of the command's`);
  }
}

function keep(place: string, { rows, twists }: Scenario): void {
  mkdirSync(place, { recursive: true });
  for (const [index, bytes] of rows.entries()) writeFileSync(join(place, `${index}.bin`), bytes);
  writeFileSync(join(place, 'twists.txt'), `${twists.join('\n')}\n`);
}
