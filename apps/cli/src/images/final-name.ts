import { type BigIntStats, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MultifdError } from '@multifd/core';
import { claimName, moveName } from './claim-name.js';
import type { Exchange } from './exchange.js';
import { isUnchanged, lookAt } from './file-identity.js';
import { hiddenName, type OwnFile } from './own-file.js';
import { syncDirectoryNow } from './sync-directory.js';

export interface Replacing {
  /** Whether what has the name may be replaced. */
  readonly replace: boolean;
  /** What had the name at the beginning: that, and nothing younger, may be replaced. Undefined: nothing. */
  readonly before: BigIntStats | undefined;
  /** Undefined: this machine cannot exchange two names. */
  readonly exchange: Exchange | undefined;
}

/**
 * The name that a complete file is to have. Several processes may want it: one gets it, and the others fail before their
 * sources are told. Whatever had it before is kept beside it until `settle`.
 */
export class FinalName {
  readonly path: string;
  readonly #replacing: Replacing;
  /** Where what is replaced waits until it is certain that nobody wants it back. */
  #aside: string;
  #file: OwnFile | undefined;
  /** What had the name is aside. */
  #hasReplaced = false;

  constructor(path: string, replacing: Replacing) {
    this.path = path;
    this.#replacing = replacing;
    this.#aside = hiddenName(dirname(path), basename(path), 'replaced');
  }

  /**
   * What is to be replaced; undefined: nothing.
   * @throws MultifdError `usage` if the name is not to be had; `io`.
   */
  check(): BigIntStats | undefined {
    const { path } = this;
    const now = attempt(`cannot look at ${path}`, () => lookAt(path));
    if (now === undefined) return undefined;
    // A symbolic link itself would be replaced, and nothing is written through it.
    if (!now.isFile() && !now.isSymbolicLink()) {
      throw new MultifdError('usage', `${path} is a ${kindOf(now)}: it is never replaced`, {
        hint: 'name another place',
      });
    }
    if (!this.#replacing.replace) {
      throw new MultifdError('usage', `${path} is already there`, {
        hint: 'name another place, or replace it with --force',
      });
    }
    const { before } = this.#replacing;
    if (before === undefined || !isUnchanged(before, now)) throw this.#younger();
    return now;
  }

  /**
   * Gives the file the name, in one step: at no moment does anybody find half a file there, or lose a whole one.
   * @throws MultifdError `usage` if somebody else was faster, `io`; then the file has its hidden name.
   */
  take(file: OwnFile): void {
    const old = this.check();
    if (old === undefined) attempt(`cannot name it ${this.path}`, () => claimName(file.path, this.path));
    else if (this.#swap(file, file.path, this.path)) {
      this.#swapped(file, old);
      return;
    } else this.#replace(file, old);
    this.#has(file);
  }

  #has(file: OwnFile): void {
    file.path = this.path;
    this.#file = file;
  }

  /** The file and what had the name have exchanged theirs. */
  #swapped(file: OwnFile, old: BigIntStats): void {
    const hidden = file.path;
    const better = this.#aside;
    this.#aside = hidden;
    this.#hasReplaced = true;
    this.#has(file);
    const out = lookAt(hidden);
    if (out === undefined || !isUnchanged(old, out)) {
      this.giveBack();
      throw this.#younger();
    }
    this.#renameAside(better);
  }

  /** Two steps, where names cannot be exchanged. If the process is killed between them, the old file is the hidden one. */
  #replace(file: OwnFile, old: BigIntStats): void {
    this.#moveAside(old);
    try {
      claimName(file.path, this.path);
    } catch (error) {
      this.#return();
      throw MultifdError.from(error, 'io', `cannot name it ${this.path}`);
    }
  }

  /**
   * Exchanges two names, one of them that of `file`. An error of a call that has done it all the same is none.
   * @returns false where names cannot be exchanged.
   */
  #swap(file: OwnFile, from: string, to: string): boolean {
    try {
      return this.#replacing.exchange?.(from, to) === true;
    } catch (error) {
      if (!file.isAt(to)) throw error;
      return true;
    }
  }

  /** What was replaced gets a hidden name that says what it is. In a full directory it keeps the one that it has. */
  #renameAside(better: string): void {
    try {
      moveName(this.#aside, better);
      this.#aside = better;
    } catch {
      // It is as safe under the other name.
    }
  }

  /** Nothing is to have the name any more: what has it is moved aside. @throws as `take`. */
  clear(): void {
    const old = this.check();
    if (old === undefined) return;
    this.#moveAside(old);
  }

  #moveAside(old: BigIntStats): void {
    attempt(`cannot move ${this.path} aside`, () => moveName(this.path, this.#aside));
    this.#hasReplaced = true;
    const out = lookAt(this.#aside);
    if (out !== undefined && isUnchanged(old, out)) return;
    this.#return();
    throw this.#younger();
  }

  /**
   * Another file of ours takes the place of that which has the name, in one step; that one is gone.
   * @throws MultifdError `io`, then nothing has happened.
   */
  renew(file: OwnFile): void {
    if (this.#file?.isAt(this.path) !== true) {
      throw new MultifdError('io', `${this.path}: another process has removed or replaced it`, {
        hint: 'find out who else works in that directory',
      });
    }
    attempt(`cannot name it ${this.path}`, () => moveName(file.path, this.path));
    file.path = this.path;
    this.#file = file;
  }

  /** The hidden name that what it replaces has until `settle` or `giveBack`. */
  get aside(): string {
    return this.#aside;
  }

  /** Where what it has replaced is, until `settle` or `giveBack`. */
  get replaced(): string | undefined {
    return this.#hasReplaced ? this.#aside : undefined;
  }

  /** The file is wanted: what it replaced goes. */
  settle(): void {
    if (this.#hasReplaced) rmSync(this.#aside, { force: true });
  }

  /**
   * The file is not wanted: what had the name before has it again, also after a `take` or `clear` that failed half way.
   * @throws what went wrong.
   */
  giveBack(): void {
    const file = this.#file;
    if (file === undefined && !this.#hasReplaced) return;
    this.#file = undefined;
    const hidden = hiddenName(dirname(this.path), basename(this.path), 'partial');
    if (file?.isAt(this.path) === true) this.#putBack(file, hidden);
    else if (this.#hasReplaced) this.#return();
    else return;
    syncDirectoryNow(dirname(this.path));
  }

  #putBack(file: OwnFile, hidden: string): void {
    if (this.#hasReplaced && this.#swap(file, this.path, this.#aside)) {
      file.path = this.#aside;
      this.#hasReplaced = false;
      return;
    }
    moveName(this.path, hidden);
    file.path = hidden;
    if (!file.isAt(hidden)) claimName(hidden, this.path);
    else if (this.#hasReplaced) this.#return();
  }

  /** What was moved aside gets its name back. @throws MultifdError that says where it is, if it cannot be. */
  #return(): void {
    try {
      claimName(this.#aside, this.path);
      this.#hasReplaced = false;
    } catch (cause) {
      const { message } = MultifdError.from(cause, 'io', 'it cannot be moved back');
      throw new MultifdError('io', `what had the name ${this.path} is now ${this.#aside}: ${message}`, {
        cause,
      });
    }
  }

  #younger(): MultifdError {
    return new MultifdError(
      'usage',
      `${this.path}: another process has written it since this receive began; it may hold another guest`,
      { hint: 'name another place, or look at it and begin again with --force' },
    );
  }
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'FIFO';
  return stats.isSocket() ? 'socket' : 'device';
}

function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw MultifdError.from(cause, 'io', what);
  }
}
