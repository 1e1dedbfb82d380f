import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, isEarly } from './cases.ts';
import type { Outcome } from './outcome.ts';
import { socketsOf } from './place.ts';
import { NotReached, SETUP_LIMIT, Stage } from './stage.ts';
import { strike } from './strike.ts';

/** ms from the fault to the end of the last end: the sum of the limits that can apply, and room for a busy machine. */
const LONGEST = 45_000;
/** ms in which sockets and processes go away by themselves. */
const GONE = 5_000;
/** ms in which an end that waits for another source has seen that the first one is gone. */
const SETTLE = 2_500;
/** Most times that a case is tried. */
const TRIES = 4;

/**
 * Plays a case. On a busy machine a migration may leave its state before the fault has come, or not get to it within its short
 * limits: that says nothing, and the case begins anew.
 * @throws Error if that is so each time.
 */
export async function play(what: Case, parent: string): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    const stage = new Stage(what, parent);
    try {
      const outcome = await playOnce(stage);
      if (!isMissed(outcome)) return outcome;
      if (tries === TRIES) throw new Error(`the fault came too late ${TRIES} times`);
    } catch (error) {
      if (!(error instanceof NotReached) || tries === TRIES) throw error;
    } finally {
      await stage.close();
    }
  }
}

async function playOnce(stage: Stage): Promise<Outcome> {
  const { what } = stage;
  await stage.open();
  if (isEarly(what)) await strike(stage);
  stage.begin();
  let since = Date.now();
  if (!isEarly(what)) {
    await stage.reach();
    since = Date.now();
    await strike(stage);
  }
  await settled(stage, since);
  const ends = stage.programs.map((each) => stage.outcomeOf(each, since));
  const left = stage.place.left(stage.keeping.isExpected);
  return { case: what, ends, left, strays: await strays(stage), kept: await stage.keeping.look() };
}

/**
 * Waits until every end has ended. One that has seen no whole source goes on to wait for another: it gets one, which it must
 * take.
 */
async function settled(stage: Stage, since: number): Promise<void> {
  const all = stage.ended();
  const isLate = (ms: number): boolean => Date.now() > since + ms;
  // A hole tells nobody that the source is gone: only the limits do.
  const patience = stage.what.fault === 'black hole' ? SETUP_LIMIT : 0;
  for (let isOver = false; !isOver && !isLate(LONGEST); ) {
    isOver = await Promise.race([all.then(() => true), sleep(50, false)]);
    if (!isOver && isLate(patience) && stage.waits(SETTLE)) await stage.bringAnother();
  }
}

/** The source had gone on before the fault came, or the end that was to be killed had ended. */
function isMissed({ case: what, ends }: Outcome): boolean {
  const source = ends.find(({ role }) => role === 'source');
  const before = source?.steps.filter(({ at }) => at < 0).at(-1)?.status;
  const isThere = before === (what.state === 'answered' ? 'device' : what.state);
  const isAlive = what.fault !== 'kill' || ends.every(({ isStruck, signal }) => !isStruck || signal !== null);
  return !isEarly(what) && !(isThere && isAlive);
}

/** What is left of processes and sockets, once it has had the time to go away. */
async function strays({ what, programs, lines, place, ports }: Stage): Promise<readonly string[]> {
  const look = (): readonly string[] => [
    ...place.processes().map((words) => `a process: ${words}`),
    // What is held for ever is held by us.
    ...(what.fault === 'black hole'
      ? []
      : lines.flatMap(({ open }) => (open > 0 ? [`${open} sockets`] : []))),
  ];
  const isOver = programs.every((each) => each.isOver);
  for (const end = Date.now() + GONE; isOver && look().length > 0 && Date.now() < end; ) await sleep(20);
  const before = look();
  for (const line of lines) line.close();
  for (const end = Date.now() + GONE; socketsOf(ports).length > 0 && Date.now() < end; ) await sleep(20);
  return [...before, ...socketsOf(ports)];
}
