import { basename, dirname } from 'node:path';
import { type FileBlockDescriptor, type IncomingBlock, type IncomingRam, MultifdError } from '@multifd/core';
import { withPath } from '../system-error.js';
import { loadExchange } from './exchange.js';
import { type FileFormat, type GuestWriter, mappedRam } from './file-formats.js';
import { lookAt } from './file-identity.js';
import { FinalName } from './final-name.js';
import type { GuestToKeep, IncomingTarget, KeptFiles, Stranded } from './incoming-target.js';
import { OwnFile } from './own-file.js';
import { checkDirectory, tryPlace } from './place.js';
import { receivedExtents } from './received-extents.js';
import { checkReplaceable } from './replaceable.js';
import { strandedOf } from './stranded.js';
import { syncDirectory } from './sync-directory.js';
import { troubles } from './troubles.js';

interface Settings {
  /** Whether a file of that name may be replaced, when the new one is complete. */
  readonly replace: boolean;
  /** Default: a migration file. */
  readonly format?: FileFormat;
}

interface Writing {
  readonly file: OwnFile;
  readonly writer: GuestWriter;
  readonly blocks: readonly FileBlockDescriptor[];
}

/** A guest in one file. Until it is complete it is a hidden file beside its name, which `discard` removes. */
export class FileTarget implements IncomingTarget {
  readonly #name: FinalName;
  readonly #format: FileFormat;
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';
  /** The source has let go of the guest. */
  #mustStay = false;
  #writing: Writing | undefined;

  private constructor(name: FinalName, format: FileFormat) {
    this.#name = name;
    this.#format = format;
  }

  /**
   * Nothing stays of what is tried here.
   * @throws MultifdError `usage` for a file that is already there, or no place for it: before anybody waits for a guest
   * that could not be kept.
   */
  static async open(path: string, { replace, format = mappedRam() }: Settings): Promise<FileTarget> {
    const what = `${format.kind}:${path}`;
    const directory = dirname(path);
    checkDirectory(what, directory);
    const before = withPath(`${what}: cannot be looked at`, () => lookAt(path));
    if (before?.isDirectory() === true || path.endsWith('/')) {
      throw new MultifdError('usage', `${what}: a directory`, { hint: 'name a file in it' });
    }
    const exchange = replace ? loadExchange() : undefined;
    const name = new FinalName(path, { replace, before, exchange });
    const old = name.check();
    tryPlace(what, directory);
    if (old !== undefined) checkReplaceable(path, old);
    return new FileTarget(name, format);
  }

  openRam(announced: readonly IncomingBlock[], ahead: number, machineType: string): IncomingRam {
    const { path } = this.#name;
    this.#name.check();
    const file = OwnFile.make(this.#what, dirname(path), basename(path));
    const writer = this.#format.writer(file);
    this.#writing = { file, writer, blocks: [] };
    const ram = writer.openRam(announced, ahead, machineType);
    file.guard();
    this.#writing = { file, writer, blocks: ram.blocks.filter((block) => block.kind === 'file') };
    return ram;
  }

  async keep(received: GuestToKeep): Promise<KeptFiles> {
    const { receivedPages, ram } = received;
    const { path } = this.#name;
    if (this.#writing === undefined) throw new MultifdError('internal', `${this.#what}: no RAM was opened`);
    const { file, writer, blocks } = this.#writing;
    this.#mustStay = received.guest !== 'source';
    // Before the disk is waited for, which may take minutes; but a guest that must stay is completed whatever its name.
    if (!this.#mustStay) this.#name.check();
    file.unguard();
    const finished = writer.finish(received);
    // Everything is written by now, and only the disk is waited for.
    file.resized();
    await finished;
    this.#checkWanted();
    file.check();
    this.#name.take(file);
    await syncDirectory(dirname(path));
    this.#checkWanted();
    file.check();
    this.#state = 'kept';
    const complete = blocks.map((block, index) => ({
      ...block,
      path,
      writable: false,
      extents: receivedExtents(
        new Int32Array(receivedPages[index] ?? new ArrayBuffer(0)),
        block.length / ram.pageSize,
        ram.pageSize,
      ),
    }));
    return { blocks: complete, paths: [path] };
  }

  settle(): readonly string[] {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    this.#writing?.file.close();
    return troubles('the replaced file cannot be removed', () => this.#name.settle());
  }

  get stranded(): Stranded | undefined {
    if (!this.#mustStay || this.#writing === undefined || this.#state === 'settled') return undefined;
    return strandedOf([{ file: this.#writing.file, name: this.#name }]);
  }

  discard(): readonly string[] {
    if (this.#state === 'settled' || this.#state === 'discarded') return [];
    const lines = this.#undo();
    this.#writing?.file.close();
    return lines;
  }

  abandon(): void {
    // Its threads may still be writing: the descriptor stays theirs until the process ends.
    if (this.#state === 'open') this.#undo();
  }

  #undo(): readonly string[] {
    this.#state = 'discarded';
    if (this.#mustStay) return [];
    const what = `${this.#what}: cannot be put back as it was`;
    return [
      ...troubles(what, () => this.#name.giveBack()),
      ...troubles(what, () => this.#writing?.file.remove()),
    ];
  }

  /** @throws MultifdError `cancelled` if it was given up while something was awaited. */
  #checkWanted(): void {
    if (this.#state === 'discarded')
      throw new MultifdError('cancelled', `${this.#what}: the file was given up`);
  }

  /** The user's words for it. */
  get #what(): string {
    return `${this.#format.kind}:${this.#name.path}`;
  }
}
