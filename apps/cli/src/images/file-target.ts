import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  type FileBlockDescriptor,
  type IncomingBlock,
  type IncomingRam,
  MultifdError,
  type ReceiveResult,
} from '@multifd/core';
import { MappedRamWriter } from '@multifd/qemu';
import type { IncomingTarget } from './incoming-target.js';
import { placedExtents } from './placed-extents.js';
import { troubles } from './troubles.js';

interface Settings {
  /** Whether a file of that name may be replaced, when the new one is complete. */
  readonly replace: boolean;
  /** 16 bytes, which a QEMU that loads the file compares if it has validate-uuid on. */
  readonly uuid?: Uint8Array;
}

/** QEMU's mapped-ram migration file. Until it is complete it is FILE.partial-PID, which `discard` removes. */
export class FileTarget implements IncomingTarget {
  readonly #writer: MappedRamWriter;
  readonly #settings: Settings;
  /** What the file replaces, until that is settled. */
  readonly #replaced: string;
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';
  #blocks: readonly FileBlockDescriptor[] = [];

  private constructor(path: string, settings: Settings) {
    this.#writer = new MappedRamWriter(path);
    const tag = `${process.pid}-${randomBytes(4).toString('hex')}`;
    this.#replaced = join(dirname(path), `.${basename(path)}.replaced-${tag}`);
    this.#settings = settings;
  }

  /**
   * Nothing is made yet.
   * @throws MultifdError `usage` for a file that is already there, or no directory for it: before anybody waits for
   * a guest that could not be kept.
   */
  static open(path: string, settings: Settings): FileTarget {
    const directory = dirname(path);
    if (!existsSync(directory)) {
      throw new MultifdError('usage', `file:${path}: there is no directory ${directory}`, {
        hint: 'make it first, or name another path',
      });
    }
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw new MultifdError('usage', `file:${path}: a directory`, { hint: 'name a file in it' });
    }
    const target = new FileTarget(path, settings);
    target.#checkFree();
    return target;
  }

  openRam(blocks: readonly IncomingBlock[], ahead = 0): IncomingRam {
    this.#checkFree();
    const ram = this.#writer.openRam(blocks, ahead);
    this.#blocks = ram.blocks.filter((block) => block.kind === 'file');
    return ram;
  }

  async keep(received: ReceiveResult): Promise<FileBlockDescriptor[]> {
    const { machineType, configuration, placed, rawDeviceState, ram } = received;
    const { path } = this.#writer;
    const { uuid } = this.#settings;
    const content = { machineType, configuration, placed, rawDeviceState };
    if (existsSync(path)) {
      this.#checkFree();
      // A second name for what is replaced; the rename below takes the first away from it in one step.
      linkSync(path, this.#replaced);
    }
    try {
      await this.#writer.finish(uuid === undefined ? content : { ...content, uuid });
      if (this.#state === 'discarded')
        throw new MultifdError('cancelled', `file:${path}: the file was given up`);
    } catch (error) {
      this.#putBack();
      throw error;
    }
    this.#state = 'kept';
    return this.#blocks.map((block, index) => ({
      ...block,
      path,
      writable: false,
      extents: placedExtents(
        new Int32Array(placed[index] ?? new ArrayBuffer(0)),
        block.length / ram.pageSize,
        ram.pageSize,
      ),
    }));
  }

  settle(): readonly string[] {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    return troubles(`the replaced file ${this.#replaced} cannot be removed`, () =>
      rmSync(this.#replaced, { force: true }),
    );
  }

  discard(): readonly string[] {
    const was = this.#state;
    if (was === 'settled' || was === 'discarded') return [];
    this.#state = 'discarded';
    return troubles(`file:${this.#writer.path}: cannot be put back as it was`, () => {
      if (was === 'kept') this.#putBack();
      else this.#writer.discard();
    });
  }

  abandon(): void {
    if (this.#state !== 'kept') this.discard();
  }

  /** What had the name before has it again; if nothing had, nothing has. */
  #putBack(): void {
    this.#writer.discard();
    const { path } = this.#writer;
    if (existsSync(this.#replaced)) {
      renameSync(this.#replaced, path);
      // Two names of one file are left alone by a rename.
      rmSync(this.#replaced, { force: true });
    } else {
      rmSync(path, { force: true });
    }
  }

  #checkFree(): void {
    const { path } = this.#writer;
    if (this.#settings.replace || !existsSync(path)) return;
    throw new MultifdError('usage', `${path} is already there`, {
      hint: 'name another file, or replace it with --force',
    });
  }
}
