import { fsync, ftruncateSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
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

const sync = promisify(fsync);

/** What a finished file holds beside the pages. */
export interface MappedRamContent {
  readonly machineType: string;
  /** What the stream's configuration said besides: `configuration` of core's `ReceiveResult`. Default: nothing. */
  readonly configuration?: StreamConfiguration;
  /** 16 bytes; only if a destination is to compare it. Goes before that of `configuration`. */
  readonly uuid?: Uint8Array;
  /** For each block, in the order of `openRam`: core's `DirtyBitmap` of the pages that hold content. */
  readonly receivedPages: readonly SharedArrayBuffer[];
  /** What is not RAM: `rawDeviceState` of core's `ReceiveResult`. */
  readonly rawDeviceState: RawDeviceState;
}

/** A file that is open for reading and writing, and empty. */
export interface OpenFile {
  /** The caller's, who closes it when nobody uses the blocks any more. */
  readonly fd: number;
  /** For messages. */
  readonly path: string;
}

/**
 * Writes a migration file that QEMU 9.0 and later load with mapped-ram (docs/wire.md, 8), into a file of the caller's.
 * It can be loaded only after `finish`: until then it should not have the name that somebody waits for.
 */
export class MappedRamWriter {
  readonly #file: OpenFile;
  #layout: MappedRamLayout | undefined;

  /** Nothing is written before `openRam`. */
  constructor(file: OpenFile) {
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }

  /**
   * Gives the file its size, all holes, and says where each block's pages go: for core's `ReceiveOptions.openRam`.
   * @param ahead bytes of device state that came before RAM: they need room.
   * @param pageSize bytes.
   * @throws MultifdError `io`, `usage`.
   */
  openRam(blocks: readonly IncomingBlock[], ahead = 0, pageSize = 4096): IncomingRam {
    const layout = planLayout(blocks, pageSize, ahead);
    const what = `${this.#file.path}: no room for ${layout.endOffset} bytes`;
    attempt(what, () => ftruncateSync(this.#file.fd, layout.endOffset));
    this.#layout = layout;
    return { blocks: layout.blocks.map((block) => this.#descriptor(block)), allZero: true };
  }

  /**
   * Writes what is not pages, and brings all of it to the disk. Nobody may write pages any more. To be called once: a
   * second fsync after one that failed proves nothing.
   * @throws MultifdError `io`; then the file is not complete.
   */
  async finish(content: MappedRamContent): Promise<void> {
    const { fd, path } = this.#file;
    const layout = this.#layout;
    if (layout === undefined) throw new MultifdError('internal', `${path}: finished before RAM was opened`);
    attempt(`cannot write ${path}`, () => write(fd, layout, content));
    try {
      await sync(fd);
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot bring ${path} to the disk`);
    }
  }

  #descriptor({ name, length, pagesOffset }: MappedRamLayout['blocks'][number]): FileBlockDescriptor {
    return { kind: 'file', name, length, ...this.#file, writable: true, fileOffset: pagesOffset };
  }
}

function write(fd: number, layout: MappedRamLayout, content: MappedRamContent): void {
  const { machineType, uuid, receivedPages, rawDeviceState } = content;
  const configuration = { ...content.configuration, ...(uuid === undefined ? {} : { uuid }) };
  const frame = encodeFrame(layout, machineType, configuration, rawDeviceState);
  layout.blocks.forEach(({ name, length, bitmapOffset }, index) => {
    const words = receivedPages[index];
    if (words === undefined) throw new MultifdError('internal', `RAM block ${name}: no bitmap`);
    const pages = length / layout.pageSize;
    writeAll(fd, bitmapOffset, encodeBitmap(new Int32Array(words), pages));
  });
  for (const { offset, bytes } of frame) writeAll(fd, offset, bytes);
  const end = frame.at(-1);
  writeAll(fd, layout.endOffset + (end?.bytes.length ?? 0), rawDeviceState.bytes);
}

function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (cause) {
    throw MultifdError.from(cause, 'io', what);
  }
}

function writeAll(fd: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
