import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, isRole, type LineName, type Role } from './cases.ts';
import type { Stage } from './stage.ts';

/** ms: less than the ends' limit of silence. */
const DELAY = 2_000;
/** ms in which an end takes notice. */
const NOTICE = 500;

/** Does it, and then lets go on what was held for the state to last. */
export async function strike(stage: Stage): Promise<void> {
  const { fault, at } = stage.what;
  switch (fault) {
    case 'cancel':
    case 'kill': {
      const { ended } = signal(stage, at, fault === 'cancel' ? 'SIGINT' : 'SIGKILL');
      await Promise.race([ended, sleep(NOTICE)]);
      return stage.release();
    }
    case 'cut':
      lineOf(stage, at).cut();
      await sleep(NOTICE);
      return stage.release();
    case 'delay': {
      const line = lineOf(stage, at);
      line.hold('everything');
      stage.place.releaseDisk();
      await sleep(DELAY);
      return line.hold('nothing');
    }
    case 'black hole':
      lineOf(stage, at).hold('everything');
      return stage.place.releaseDisk();
    case 'full disk':
      stage.place.fill();
      return stage.release();
    case 'no descriptors':
      limitDescriptors(roleOf(at), stage);
      return stage.release();
  }
}

function signal(stage: Stage, at: Case['at'], name: NodeJS.Signals): { readonly ended: Promise<void> } {
  const program = stage.program(roleOf(at));
  program.signal(name);
  return program;
}

/** Every further descriptor is one too many. */
function limitDescriptors(role: Role, stage: Stage): void {
  const { pid } = stage.program(role);
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let free = 0;
  while (open.has(free)) free++;
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${free}:`]);
}

function roleOf(at: Role | LineName): Role {
  if (isRole(at)) return at;
  throw new Error(`${at}: a line`);
}

function lineOf(stage: Stage, at: Role | LineName) {
  if (isRole(at)) throw new Error(`${at}: no line`);
  return stage.line(at);
}
