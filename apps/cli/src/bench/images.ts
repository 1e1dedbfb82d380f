import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { MultifdError } from '@multifd/core';
import { pathError } from '../system-error.js';
import { size as inWords } from './figures.js';
import { random } from './page-fills.js';
import { makeRunFolder, sweepRunFolders } from './run-folder.js';
import { pageFill, type Scenario } from './scenarios.js';

const PAGE = 4096;
/** Bytes that are written at a time. */
const PIECE = 4 * 2 ** 20;
const SEED = 20241123;
/** Where Linux has shared memory: no disk is measured then. */
const SHARED_MEMORY = '/dev/shm';

/** A folder of this run's own for guests' memory, sockets and the like. */
export class BenchFolder {
  readonly path: string;
  readonly #removeAtExit = () => this.remove();

  /**
   * Also removes what a run that was killed has left there.
   * @param parent undefined: shared memory, or the temporary folder where there is none.
   * @throws MultifdError `usage` if it cannot be made there.
   */
  constructor(parent: string | undefined) {
    const where = parent ?? (existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
    try {
      sweepRunFolders(where);
      this.path = makeRunFolder(where);
    } catch (cause) {
      throw pathError(cause, `no folder for the guests' memory in ${where}`);
    }
    process.once('exit', this.#removeAtExit);
  }

  /**
   * Writes a guest's memory to a file, whole pages, none of them a hole. The same scenario and size give the same bytes.
   * @throws MultifdError `io` if there is no room for it; the signal's reason.
   */
  async writeImage(
    scenario: Exclude<Scenario, 'untouched'>,
    size: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { bavail, bsize } = statfsSync(this.path);
    if (bavail * bsize < size) {
      throw new MultifdError(
        'io',
        `the guest's memory needs ${inWords(size)} in ${this.path}, where ${inWords(bavail * bsize)} are free`,
        { hint: 'give a smaller --size, or another folder with --images' },
      );
    }
    const path = join(this.path, `${scenario}-${size}`);
    const next = random(SEED);
    const fill = pageFill(scenario);
    const words = new Int32Array(PIECE / 4);
    const fd = openSync(path, 'w', 0o600);
    try {
      ftruncateSync(fd, size);
      for (let at = 0; at < size; at += PIECE) {
        const length = Math.min(PIECE, size - at);
        for (let page = 0; page < length; page += PAGE) {
          fill(words.subarray(page / 4, (page + PAGE) / 4), (at + page) / PAGE, next);
        }
        writeSync(fd, words, 0, length, at);
        // Whoever wants to stop is heard.
        await turn();
        signal.throwIfAborted();
      }
    } finally {
      closeSync(fd);
    }
    return path;
  }

  /** Gives up a guest's memory. */
  drop(path: string): void {
    rmSync(path, { force: true });
  }

  remove(): void {
    process.off('exit', this.#removeAtExit);
    rmSync(this.path, { recursive: true, force: true });
  }
}
