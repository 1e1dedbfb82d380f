import { existsSync, writeFileSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { diffGuests, type GuestDiff } from '../diff/diff-run.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { tryOutput } from '../images/place.js';
import { listenForInterrupt } from '../interrupt.js';
import { startNodeThreads } from '../node-threads.js';
import { diffDocument } from '../report/diff-document.js';
import { diffPicture } from '../report/diff-picture.js';
import { diffText } from '../report/diff-text.js';
import { formatError } from '../report/errors.js';
import { openTerminal } from '../report/terminal.js';
import { withPath } from '../system-error.js';

export interface DiffOptions {
  readonly json?: true;
  readonly picture?: string;
}

/** `multifd inspect --diff`: says what differs between two guests at rest. */
export async function diffCommand(
  before: string,
  now: string | undefined,
  { json, picture }: DiffOptions,
): Promise<ExitCode> {
  const terminal = await openTerminal();
  const interrupt = listenForInterrupt();
  let diff: GuestDiff | undefined;
  let error: unknown;
  const names = [before, now ?? ''] as const;
  try {
    if (now === undefined)
      throw new MultifdError('usage', '--diff: two guests belong here', {
        hint: 'as in multifd inspect --diff before.mig now.mig',
      });
    // The disk is waited for by Node's threads.
    startNodeThreads();
    if (picture !== undefined && existsSync(picture))
      throw new MultifdError('usage', `--picture ${picture}: it is already there`, {
        hint: 'name another file',
      });
    if (picture !== undefined) tryOutput(`--picture ${picture}`, picture);
    diff = await diffGuests(before, now, terminal, interrupt.signal);
    terminal.clear();
    if (picture !== undefined) writePicture(picture, diffPicture(names, diff));
  } catch (caught) {
    error = caught;
  }
  terminal.clear();
  const code = error === undefined ? EXIT.done : exitCodeOf(error);
  interrupt.release(code);
  if (json) process.stdout.write(`${JSON.stringify(diffDocument(names, diff, error), null, 2)}\n`);
  else if (diff !== undefined) process.stdout.write(diffText(names, diff));
  if (error !== undefined) process.stderr.write(formatError(error));
  return code;
}

/** Nothing that is there is replaced. */
function writePicture(path: string, svg: string): void {
  withPath(`--picture ${path}: cannot be written`, () => writeFileSync(path, svg, { flag: 'wx' }));
}
