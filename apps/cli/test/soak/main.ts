/**
 * A soak: `pnpm soak [--migrations N] [--minutes N] [--seed N] [--report FILE]`. A running guest that writes goes from one
 * memory to the next, all in this process; how is drawn from the seed. Every byte is compared after each migration.
 * Ends with 1 if a byte differs, a migration fails, or the process grows. Without options it is the form of continuous
 * integration: two minutes, always with the same seed.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { AcceleratorRegistry } from '@multifd/core';
import { chooseTracker, mapRam, probe } from '@multifd/host-linux';
import { createRandom } from '@multifd/testing/random';
import { type Footprint, footprint, leaks, trend } from './footprint.ts';
import { allocate, type Memory, RunningGuest } from './guest.ts';
import { type Hop, move, moveAndCancel } from './hop.ts';
import {
  type Choices,
  drawHop,
  drawLife,
  type HopPlan,
  type LifePlan,
  nameOf,
  type Tracker,
} from './plan.ts';

/** Of the form of continuous integration. */
const SEED = 23;
const MINUTES = 2;

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { migrations: text, minutes: text, seed: text, report: text } });
const isShort = values.migrations === undefined && values.minutes === undefined;
const most = numberOf('--migrations', values.migrations, Number.POSITIVE_INFINITY);
const minutes = numberOf('--minutes', values.minutes, isShort ? MINUTES : Number.POSITIVE_INFINITY);
const seed = numberOf('--seed', values.seed, isShort ? SEED : Math.floor(Math.random() * 2 ** 32));

function numberOf(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (value >= 0) return value;
  throw new Error(`${name} ${given}: not a number`);
}

const say = (line: string): void => void process.stderr.write(`soak: ${line}\n`);
setFlagsFromString('--expose-gc');

/** What can run here. What cannot is said: a run without it is not a run with it. */
async function choicesHere(): Promise<Choices> {
  const registry = new AcceleratorRegistry();
  for (const name of ['native', 'wasm', 'js'])
    registry.register(import.meta.resolve(`@multifd/accel-${name}`));
  const accelerators: string[] = [];
  for (const { reference, probe: found } of await registry.list()) {
    if (found.ok) accelerators.push(`${reference.module}:${reference.name}`);
    else say(`accelerator ${reference.name} cannot run here: ${found.reason}`);
  }
  const trackers: Tracker[] = ['marks'];
  const host = probe();
  if (!host.ok) {
    say(`host-linux cannot be used here: ${host.reason}`);
    return { accelerators, hasHost: false, trackers };
  }
  const page = mapRam({ name: 'probe', length: 4096, kind: 'anon' });
  const writers = { in: 'this-process', pause: () => {}, resume: () => {} } as const;
  for (const kind of ['uffd', 'soft-dirty', 'digest'] as const) {
    try {
      chooseTracker({ blocks: [page.descriptor], pageSize: 4096, kind, writers }).tracker.close();
      trackers.push(kind);
    } catch (error) {
      say(`tracker ${kind} cannot be used here: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  page.close();
  return { accelerators, hasHost: true, trackers };
}

const folder = mkdtempSync(join(tmpdir(), 'multifd-soak-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.kill(process.pid, signal);
  });

const choices = await choicesHere();
const random = createRandom(seed);
const started = performance.now();
const downtimes: number[] = [];
const samples: Footprint[] = [];
let migrations = 0;
let cancelled = 0;
let lives = 0;
let bytes = 0;

const isOver = (): boolean => migrations >= most || performance.now() - started >= minutes * 60_000;

function count({ statistics }: Hop): void {
  migrations++;
  bytes += statistics.total;
  downtimes.push(statistics.downtime ?? 0);
  if (migrations % 100 === 0) say(progress());
}

/** One hop; perhaps one that is cancelled before it. */
async function hop({ guest }: RunningGuest, plan: HopPlan): Promise<Hop> {
  if (plan.cancelAfter !== undefined) {
    const came = await moveAndCancel(guest, plan, folder);
    if (came !== undefined) return came;
    cancelled++;
  }
  return move(guest, plan, folder);
}

async function live(life: LifePlan): Promise<void> {
  const blocks = life.blocks.map((length, index) => ({ name: `ram-${index}`, length }));
  let memory: Memory = allocate(blocks, 'wasm', folder);
  let running = await RunningGuest.start(memory, 'marks', 4);
  try {
    for (let each = 0; each < life.hops && !isOver(); each++) {
      const plan = drawHop(random, choices);
      const came = await hop(running, plan).catch((cause: unknown) => {
        throw new Error(`migration ${migrations + 1}, ${nameOf(life, plan)}`, { cause });
      });
      count(came);
      await running.end();
      memory.close();
      memory = came.memory;
      running = await RunningGuest.start(memory, plan.tracker, plan.burst);
    }
  } finally {
    await running.end();
    memory.close();
  }
}

function progress(): string {
  const seconds = Math.round((performance.now() - started) / 1000);
  return `${migrations} migrations and ${cancelled} cancelled ones of ${lives} guests in ${seconds} s, seed ${seed}`;
}

/** The first tenth loads and compiles what there is. */
function settled(): readonly Footprint[] {
  return samples.slice(Math.ceil(samples.length / 10));
}

function summary() {
  const sorted = downtimes.toSorted((a, b) => a - b);
  const share = (part: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10;
  return {
    seed,
    migrations,
    cancelled,
    guests: lives,
    seconds: Math.round((performance.now() - started) / 1000),
    'bytes-compared': bytes,
    'downtime-ms': { p50: share(0.5), p90: share(0.9), p99: share(0.99), max: share(1) },
    accelerators: choices.accelerators.map((each) => each.slice(each.lastIndexOf(':') + 1)),
    trackers: choices.trackers,
    'host-linux': choices.hasHost,
    ...(settled().length < 3 ? {} : trend(settled())),
  };
}

try {
  while (!isOver()) {
    await live(drawLife(random));
    lives++;
    samples.push(footprint());
  }
  const left = readdirSync(folder);
  const faults = [
    ...leaks(settled()),
    ...(left.length > 0 ? [`left in the temporary folder: ${left.join(', ')}`] : []),
  ];
  for (const line of faults) say(`FAILED: ${line}`);
  if (values.report !== undefined) writeFileSync(values.report, `${JSON.stringify(summary(), null, 2)}\n`);
  say(JSON.stringify(summary()));
  say(progress());
  process.exitCode = faults.length > 0 ? 1 : 0;
} catch (error) {
  say(`FAILED after ${progress()}`);
  throw error;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
