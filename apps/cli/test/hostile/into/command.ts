import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { type Case, type Outcome, seedOf } from '../cases.ts';
import { attack, bringGuest } from '../connections.ts';
import { type Ended, faultsOf, startProgram } from '../program.ts';
import { leftIn } from '../rules.ts';
import { answers, mappedFile, rightSource, type Scenario, sourceScenario, streamFile } from '../scenario.ts';
import { hostileDestination } from './migrate.ts';
import { storeCommand } from './store-command.ts';

const LIMITS = ['--setup-timeout', '2000', '--stall-timeout', '2000'] as const;

/** Most times that a case is tried. */
const TRIES = 5;

/** Where a command works: nothing but `in` may be written, and that only if a guest has come. */
interface Place {
  readonly in: string;
  readonly temporary: string;
  /** What is there that ought not to be. @param guest whether one has come. */
  strays(guest: boolean): readonly string[];
  remove(): void;
}

function newPlace(parent: string): Place {
  const base = mkdtempSync(join(parent, 'case-'));
  const place = { in: join(base, 'a', 'b', 'in'), temporary: join(base, 'tmp') };
  mkdirSync(place.in, { recursive: true });
  mkdirSync(place.temporary);
  const own = ['a', join('a', 'b'), join('a', 'b', 'in'), 'tmp'];
  return {
    ...place,
    strays: (guest) =>
      leftIn(base)
        .filter((path) => !own.includes(path))
        // An empty folder for a guest that never came is nobody's harm.
        .filter((path) => path !== join('a', 'b', 'in', 'guest'))
        .filter((path) => !(guest && path.startsWith(join('a', 'b', 'in', 'guest')))),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}

/** A case of the command's: the real one, with its exit code, its words and what it leaves behind. */
export async function runCommandCase(
  what: Case,
  parent: string,
): Promise<Outcome & { readonly peak: number }> {
  const place = newPlace(parent);
  try {
    const { ended, scenario, faults, guest } = await playAwake(what, place);
    const strays = place.strays(guest).map((path) => `left behind: ${path}`);
    const end = `exit code ${String(ended.code ?? ended.signal)}`;
    return { twists: scenario.twists, end, faults: [...faults, ...strays], peak: ended.peak };
  } finally {
    place.remove();
  }
}

interface Played {
  readonly ended: Ended;
  readonly scenario: Pick<Scenario, 'twists'>;
  readonly faults: readonly string[];
  readonly guest: boolean;
}

/** On a starved machine the command may not have its threads within its short limit: that says nothing, and the case begins anew. */
async function playAwake(what: Case, place: Place): Promise<Played> {
  for (let tries = 1; ; tries++) {
    const played = await play(what, place);
    if (tries === TRIES || !/not set up in \d+ of \d+ threads/.test(played.ended.stderr)) return played;
  }
}

function play(what: Case, place: Place): Promise<Played> {
  switch (what.kind) {
    case 'cli-inspect':
      return readFile(what, place, (path) => ['inspect', path], 2);
    case 'cli-diff':
      return readFile(what, place, (path) => ['inspect', '--diff', path, path], 2);
    case 'cli-convert':
      return readFile(what, place, (path) => ['convert', path, `core:${join(place.in, 'guest.core')}`]);
    case 'cli-migrate-file':
      return readFile(what, place, (path) => ['migrate', ...LIMITS, path]);
    case 'cli-receive-raw':
      return comeIn(what, place, `raw:${join(place.in, 'guest')}`);
    case 'cli-receive-file':
      return comeIn(what, place, `file:${join(place.in, 'guest')}`);
    case 'cli-destination':
      return goOut(what, place);
    case 'cli-store':
      return storeCommand(createRandom(seedOf(what)), place.in, place.temporary, what.keep);
    default:
      throw new Error(`${what.kind} is no case of the command's`);
  }
}

async function readFile(
  what: Case,
  place: Place,
  command: (path: string) => readonly string[],
  lines?: number,
): Promise<Played> {
  const random = createRandom(seedOf(what));
  const scenario = random.int(3) === 0 ? streamFile(random, what.keep) : mappedFile(random, what.keep);
  const path = join(place.in, 'guest');
  writeFileSync(path, scenario.rows[0] ?? new Uint8Array(0));
  // For somebody who reads, or a script.
  const words = what.kind === 'cli-inspect' && random.int(2) === 0 ? [] : ['--json'];
  const ended = await startProgram([...command(`file:${path}`), ...words], place.temporary).ended;
  // What is converted is there only if that went well.
  return {
    ended,
    scenario,
    faults: faultsOf(ended, lines),
    guest: what.kind !== 'cli-convert' || ended.code === 0,
  };
}

async function comeIn(what: Case, place: Place, target: string): Promise<Played> {
  const scenario = sourceScenario(createRandom(seedOf(what)), what.keep);
  const { channels, compression } = scenario;
  const program = startProgram(
    [
      ...['receive', 'tcp:127.0.0.1:0', target, '--json', '--channels', `${channels}`],
      ...['--multifd-compression', compression, '--idle-timeout', '2000', ...LIMITS],
    ],
    place.temporary,
  );
  const address = await program.says(/listening on (tcp:\S+)/);
  const faults: string[] = [];
  if (address === undefined) faults.push('it does not listen');
  else {
    await attack(address, scenario, program.ended);
    if (!program.isOver()) {
      await bringGuest(address, rightSource(channels, compression), program.isOver);
      if (!program.isOver()) {
        faults.push('the right source does not get in');
        program.interrupt();
      }
    }
  }
  const ended = await program.ended;
  return { ended, scenario, faults: [...faults, ...faultsOf(ended)], guest: ended.code === 0 };
}

async function goOut(what: Case, place: Place): Promise<Played> {
  const random = createRandom(seedOf(what));
  const channels = 1 + random.int(2);
  const scenario = answers(random, channels, what.keep);
  const destination = await hostileDestination(random, scenario.rows[0] ?? new Uint8Array(0));
  try {
    const { ended } = startProgram(
      [
        ...['migrate', 'demo:4M', destination.address, '--json', '--channels', `${channels}`],
        ...['--completion-timeout', '4000', ...LIMITS],
      ],
      place.temporary,
    );
    return { ended: await ended, scenario, faults: faultsOf(await ended), guest: false };
  } finally {
    destination.close();
  }
}

/** A migration as always, after all that: what is wrong with it. */
export async function goodMigration(temporary: string): Promise<readonly string[]> {
  const ended = await startProgram(['migrate', 'demo:4M', '--json'], temporary).ended;
  return ended.code === 0
    ? []
    : [`a good migration ends with exit code ${String(ended.code)}: ${ended.stderr}`];
}
