import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
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
  #blocks: readonly FileBlockDescriptor[] = [];

  private constructor(path: string, settings: Settings) {
    this.#writer = new MappedRamWriter(path);
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

  openRam(blocks: readonly IncomingBlock[]): IncomingRam {
    this.#checkFree();
    const ram = this.#writer.openRam(blocks);
    this.#blocks = ram.blocks.filter((block) => block.kind === 'file');
    return ram;
  }

  async keep({ machineType, placed, rawDeviceState, ram }: ReceiveResult): Promise<FileBlockDescriptor[]> {
    const { uuid } = this.#settings;
    const content = { machineType, placed, rawDeviceState };
    await this.#writer.finish(uuid === undefined ? content : { ...content, uuid });
    return this.#blocks.map((block, index) => ({
      ...block,
      path: this.#writer.path,
      writable: false,
      extents: placedExtents(
        new Int32Array(placed[index] ?? new ArrayBuffer(0)),
        block.length / ram.pageSize,
        ram.pageSize,
      ),
    }));
  }

  discard(): void {
    this.#writer.discard();
  }

  #checkFree(): void {
    const { path } = this.#writer;
    if (this.#settings.replace || !existsSync(path)) return;
    throw new MultifdError('usage', `${path} is already there`, {
      hint: 'name another file, or replace it with --force',
    });
  }
}
