import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type FileBlockDescriptor,
  type IncomingBlock,
  type IncomingRam,
  MultifdError,
  type RawDeviceState,
  type StreamConfiguration,
} from '@multifd/core';
import { encodeBitmap } from './bitmap.js';
import { encodeFrame, type MappedRamLayout, planLayout } from './layout.js';

/** What a finished file holds beside the pages. */
export interface MappedRamContent {
  readonly machineType: string;
  /** What the stream's configuration said besides: `configuration` of core's `ReceiveResult`. Default: nothing. */
  readonly configuration?: StreamConfiguration;
  /** 16 bytes; only if a destination is to compare it. Goes before that of `configuration`. */
  readonly uuid?: Uint8Array;
  /** For each block, in the order of `openRam`: core's `DirtyBitmap` of the pages that hold content. */
  readonly placed: readonly SharedArrayBuffer[];
  /** What is not RAM: `rawDeviceState` of core's `ReceiveResult`. */
  readonly rawDeviceState: RawDeviceState;
}

/**
 * Writes a migration file that QEMU 9.0 and later load with mapped-ram (docs/wire.md, 8). It appears under its
 * name only when it is complete and on the disk.
 */
export class MappedRamWriter {
  readonly path: string;
  readonly #partial: string;
  #layout: MappedRamLayout | undefined;

  /** Nothing is written before `openRam`. */
  constructor(path: string) {
    this.path = path;
    this.#partial = `${path}.partial-${process.pid}`;
  }

  /**
   * Makes the file, all holes, and says where each block's pages go: for core's `ReceiveOptions.openRam`.
   * @param ahead bytes of device state that came before RAM: they need room.
   * @param pageSize bytes.
   * @throws MultifdError `io`, `usage`.
   */
  openRam(blocks: readonly IncomingBlock[], ahead = 0, pageSize = 4096): IncomingRam {
    const layout = planLayout(blocks, pageSize, ahead);
    this.#attempt('make', () => {
      const fd = openSync(this.#partial, 'w', 0o600);
      try {
        ftruncateSync(fd, layout.endOffset);
      } finally {
        closeSync(fd);
      }
    });
    this.#layout = layout;
    return { blocks: layout.blocks.map((block) => this.#descriptor(block)), fresh: true };
  }

  /**
   * Writes what is not pages, brings all of it to the disk, and gives the file its name. Nobody may write pages any
   * more. To be called once.
   * @throws MultifdError `io`; then the file is not there under its name.
   */
  async finish(content: MappedRamContent): Promise<void> {
    const layout = this.#layout;
    if (layout === undefined)
      throw new MultifdError('internal', `${this.path}: finished before RAM was opened`);
    this.#attempt('write', () => this.#write(layout, content));
    try {
      await sync(this.#partial);
      await rename(this.#partial, this.path);
      await sync(dirname(this.path));
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot bring ${this.path} to the disk`);
    }
  }

  /** Removes what is not complete. Does nothing after `finish`. */
  discard(): void {
    rmSync(this.#partial, { force: true });
  }

  #write(layout: MappedRamLayout, content: MappedRamContent): void {
    const { machineType, uuid, placed, rawDeviceState } = content;
    const configuration = { ...content.configuration, ...(uuid === undefined ? {} : { uuid }) };
    const frame = encodeFrame(layout, machineType, configuration, rawDeviceState);
    const fd = openSync(this.#partial, 'r+');
    try {
      layout.blocks.forEach(({ name, length, bitmapOffset }, index) => {
        const words = placed[index];
        if (words === undefined) throw new MultifdError('internal', `RAM block ${name}: no bitmap`);
        const pages = length / layout.pageSize;
        writeAll(fd, bitmapOffset, encodeBitmap(new Int32Array(words), pages));
      });
      for (const { offset, bytes } of frame) writeAll(fd, offset, bytes);
      const end = frame.at(-1);
      writeAll(fd, layout.endOffset + (end?.bytes.length ?? 0), rawDeviceState.bytes);
    } finally {
      closeSync(fd);
    }
  }

  #descriptor(block: MappedRamLayout['blocks'][number]): FileBlockDescriptor {
    const { name, length, pagesOffset } = block;
    return { kind: 'file', name, length, path: this.#partial, writable: true, fileOffset: pagesOffset };
  }

  #attempt(what: string, call: () => void): void {
    try {
      call();
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot ${what} ${this.#partial}`);
    }
  }
}

function writeAll(fd: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
