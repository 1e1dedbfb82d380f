import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLI, type Ended, LIMIT, runCommand, startCommand } from './command.js';
import { argumentsOf, type Combination, migrateFrom, receiveInto } from './features.js';

const WITHOUT = fileURLToPath(new URL('./without-userfaultfd.mjs', import.meta.url));

/** The program and its arguments: what a combination is run by. */
function programOf(combination: Combination, to?: string): string[] {
  const command = [CLI, ...argumentsOf(combination, to)];
  return combination.userfaultfd === 'forbidden' ? [WITHOUT, ...command] : command;
}

/** As one types it at the root of the repository. */
export function commandLine(combination: Combination): string {
  const typed = (words: readonly string[]): string =>
    `npx -y pnpm@12 exec node ${['apps/cli/dist/cli.js', ...words].join(' ')}`;
  const isForbidden = combination.userfaultfd === 'forbidden';
  const wrap = isForbidden ? 'apps/cli/test/matrix/support/without-userfaultfd.mjs ' : '';
  const source = (to?: string): string =>
    typed(argumentsOf(combination, to)).replace('apps/', `${wrap}apps/`);
  if (combination.through === 'nothing') return source();
  const store = 'store:guests#guest';
  return [
    typed(receiveInto(store, combination)),
    source('ADDRESS'),
    typed(migrateFrom(store, combination)),
  ].join('\n  ');
}

/** What went wrong with it, one line; undefined if it completed and every byte was compared and is the same. */
export async function migrates(combination: Combination): Promise<string | undefined> {
  if (combination.through === 'store') return goesThroughStore(combination);
  const ended = await runCommand(programOf(combination));
  return faultOf(ended) ?? trackerFault(combination, ended);
}

/** The guest is compared with what is in the store, and that with what comes out of it. */
async function goesThroughStore(combination: Combination): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'multifd-matrix-'));
  try {
    const place = `store:${join(directory, 'guests')}#guest`;
    const receiving = startCommand([CLI, ...receiveInto(place, combination)]);
    const address = await receiving.says(/listening on (tcp:\S+)/);
    const sent = address === undefined ? undefined : await runCommand(programOf(combination, address));
    // One whose source was refused would wait for another one.
    if (sent?.code !== 0) receiving.end();
    const received = await receiving.ended;
    const fault = sent === undefined ? undefined : faultOf(sent);
    if (sent === undefined || fault !== undefined) return `into the store: ${fault ?? said(received)}`;
    if (received.code !== 0) return `receive: exit code ${received.code}: ${said(received)}`;
    const restored = faultOf(await runCommand([CLI, ...migrateFrom(place, combination)]));
    if (restored !== undefined) return `from the store: ${restored}`;
    return trackerFault(combination, sent);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function faultOf(ended: Ended): string | undefined {
  if (ended.late) return `it did not end in ${LIMIT / 1000} s`;
  const document = documentOf(ended.stdout);
  if (document === undefined) return `exit code ${ended.code} without a JSON document: ${said(ended)}`;
  const { status, verified } = document;
  if (ended.code === 0 && status === 'completed' && verified === true) return undefined;
  return `exit code ${ended.code}, status ${String(status)}, verified ${String(verified)}: ${said(ended)}`;
}

function said({ stderr }: Ended): string {
  return stderr.trim().replaceAll('\n', ' / ');
}

/** A guest has to be watched by what was asked for, or the combination was not the one that was meant. */
function trackerFault(
  { tracker, dirty, backing, userfaultfd }: Combination,
  { stdout }: Ended,
): string | undefined {
  if (dirty === '0') return undefined;
  const used = memberOf(memberOf(documentOf(stdout)?.guest, 'tracker'), 'name');
  const expected = tracker === 'auto' && backing === 'wasm' ? 'marks' : tracker;
  if (expected === 'auto') {
    const forbidden = userfaultfd === 'forbidden' && used === 'uffd';
    return forbidden ? 'userfaultfd was used although it is forbidden' : undefined;
  }
  return used === expected ? undefined : `its tracker was ${String(used)}`;
}

/** What is wrong with a refusal: one clear line, exit code 3, and the document; undefined if it is right. */
export async function isRefusedAs(combination: Combination, reason: RegExp): Promise<string | undefined> {
  return refusalFault(await runCommand(programOf(combination)), reason, 3);
}

/** The same for a command by its words, with another exit code. */
export async function areRefusedAs(words: readonly string[], reason: RegExp): Promise<string | undefined> {
  return refusalFault(await runCommand([CLI, ...words, '--json']), reason, 2);
}

function refusalFault({ code, stdout, stderr, late }: Ended, reason: RegExp, exit: number) {
  const lines = stderr.trim().split('\n');
  const [first = '', hint = 'hint: '] = lines;
  const document = documentOf(stdout);
  const right =
    !late &&
    code === exit &&
    lines.length <= 2 &&
    first.startsWith('multifd: ') &&
    reason.test(first) &&
    hint.startsWith('hint: ') &&
    document?.status === 'failed';
  return right ? undefined : `not refused as it should be: exit code ${code}: ${lines.join(' / ')}`;
}

function documentOf(stdout: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(stdout);
    return typeof document === 'object' && document !== null ? { ...document } : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
