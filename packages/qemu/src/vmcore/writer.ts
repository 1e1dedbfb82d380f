import { fsync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import {
  type DeviceSection,
  type FileBlockDescriptor,
  type IncomingBlock,
  type IncomingRam,
  MultifdError,
} from '@multifd/core';
import { decodeDevices } from '../inspect/devices.js';
import type { OpenFile } from '../mapped-ram/writer.js';
import { ELF_HEADER_SIZE, encodeElfHeader, PROGRAM_HEADER_SIZE, type Segment } from './elf.js';
import { checkMachine, type MappedBlock, mapMemory } from './memory-map.js';
import { processorNotes } from './notes.js';
import { type Processor, processorsOf } from './processor.js';
import { guestNote, guestNotePlace } from './vmcoreinfo.js';

const sync = promisify(fsync);

/**
 * Where the first block begins, in bytes: headers and notes come before, as crash wants them, and how long they are is known
 * only when the devices are. A hole, but for what they take; 4096 processors take 3.2 MiB.
 */
const FRONT_SIZE = 8 * 2 ** 20;
const PAGE = 4096;
/** A file has a 16-bit number of program headers, of which one is that of the notes. */
const MOST_SEGMENTS = 0xffff - 2;

/** What a dump says beside the content of memory. */
export interface VmcoreContent {
  readonly machineType: string;
  /** As core's `ReceiveResult`: undefined if the stream does not describe them. */
  readonly deviceState: readonly DeviceSection[] | undefined;
  readonly rawDeviceState: { readonly vmdesc: string | undefined };
}

/** What is in a finished dump. */
export interface VmcoreSummary {
  /** Guest-physical, ascending. Offsets are the file's. */
  readonly segments: readonly (Segment & { readonly block: string })[];
  /** Number of processors whose registers are in it. */
  readonly processors: number;
  /** Whether it has the guest's own note, VMCOREINFO. */
  readonly vmcoreinfo: boolean;
  /** Bytes of RAM below 4 GiB, and whether that is the machine's default or was found in its CMOS. */
  readonly below4g: number;
  readonly below4gFrom: 'machine' | 'cmos';
  /** RAM blocks that are not in it: nothing in a stream says where in physical memory they are. */
  readonly leftOut: readonly MappedBlock[];
}

interface PlacedBlock extends MappedBlock {
  readonly fileOffset: number;
}

/**
 * Writes an ELF file as QEMU's `dump-guest-memory` does (paging=false), which crash, drgn, volatility3 and gdb read. Each RAM
 * block is one piece of the file, and what the guest does not have there is a hole. The file can be used only after `finish`.
 */
export class VmcoreWriter {
  readonly #file: OpenFile;
  readonly #ram: readonly string[] | undefined;
  #blocks: readonly PlacedBlock[] | undefined;

  /** @param ram the blocks that are the machine's RAM, in the order of their addresses. Default: the one that is. */
  constructor(file: OpenFile, ram?: readonly string[]) {
    this.#file = file;
    this.#ram = ram;
  }

  /**
   * Gives the file its size, all holes, and says where each block's pages go: for core's `ReceiveOptions.openRam`.
   * @throws MultifdError `io`; what of `finish` can be said before the guest has come.
   */
  openRam(blocks: readonly IncomingBlock[], machineType: string): IncomingRam {
    checkMachine({ machineType, blocks, ...(this.#ram === undefined ? {} : { ram: this.#ram }) });
    let at = FRONT_SIZE;
    const placed = blocks.map(({ name, length }) => {
      const fileOffset = at;
      at += Math.ceil(length / PAGE) * PAGE;
      return { name, length, fileOffset };
    });
    if (!Number.isSafeInteger(at)) throw new MultifdError('usage', 'a dump of more than 2^53 bytes');
    const { fd, path } = this.#file;
    this.#attempt(`${path}: no room for ${at} bytes`, () => ftruncateSync(fd, at));
    this.#blocks = placed;
    const descriptors = placed.map(
      (block): FileBlockDescriptor => ({ kind: 'file', ...block, ...this.#file, writable: true }),
    );
    return { blocks: descriptors, allZero: true };
  }

  /**
   * Writes headers and notes, and brings all of it to the disk. Nobody may write pages any more. To be called once: a second
   * fsync after one that failed proves nothing.
   * @throws MultifdError `incompatible` for a machine whose memory map is not known; `usage` if it must be told which blocks
   * are its RAM; `io`. Then the file is no dump.
   */
  async finish({ machineType, deviceState, rawDeviceState }: VmcoreContent): Promise<VmcoreSummary> {
    const { fd, path } = this.#file;
    const blocks = this.#blocks;
    if (blocks === undefined) throw new MultifdError('internal', `${path}: finished before RAM was opened`);
    const { vmdesc } = rawDeviceState;
    const devices =
      deviceState === undefined || vmdesc === undefined ? [] : decodeDevices(deviceState, vmdesc);
    const ram = this.#ram === undefined ? {} : { ram: this.#ram };
    const map = mapMemory({ machineType, blocks, devices, ...ram });
    const processors = processorsOf(devices);
    const segments = map.ranges.map(({ block, offset, address, length }) => ({
      block,
      address,
      length,
      offset: offset + (blocks.find(({ name }) => name === block)?.fileOffset ?? 0),
    }));
    const place = guestNotePlace(devices);
    const told = place === undefined ? undefined : this.#read(segments, place.address, place.size);
    const own = told === undefined ? undefined : guestNote(told);
    this.#attempt(`cannot write ${path}`, () => this.#writeFront(segments, processors, own));
    try {
      await sync(fd);
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot bring ${path} to the disk`);
    }
    const { split, leftOut } = map;
    return {
      segments,
      processors: processors.length,
      vmcoreinfo: own !== undefined,
      below4g: split.below4g,
      below4gFrom: split.from,
      leftOut: leftOut.map(({ name, length }) => ({ name, length })),
    };
  }

  #writeFront(
    segments: readonly Segment[],
    processors: readonly Processor[],
    own: Uint8Array = new Uint8Array(0),
  ): void {
    const { fd, path } = this.#file;
    if (segments.length > MOST_SEGMENTS)
      throw new MultifdError(
        'incompatible',
        `${path}: memory in ${segments.length} pieces, a dump has ${MOST_SEGMENTS} at most`,
        { hint: 'unplug a virtio-mem, or plug all of it, before the guest is stored' },
      );
    const offset = ELF_HEADER_SIZE + (1 + segments.length) * PROGRAM_HEADER_SIZE;
    const longMode = processors[0]?.longMode ?? true;
    const notes = Buffer.concat([processorNotes(processors, longMode), own]);
    if (offset + notes.length > FRONT_SIZE)
      throw new MultifdError(
        'incompatible',
        `${path}: the registers of ${processors.length} processors do not fit`,
      );
    const header = encodeElfHeader({ offset, length: notes.length }, segments, longMode);
    const front = Buffer.concat([header, notes]);
    for (let done = 0; done < front.length; ) done += writeSync(fd, front, done, front.length - done, done);
  }

  /** Guest-physical memory; undefined if not all of it is there. */
  #read(segments: readonly Segment[], address: number, size: number): Uint8Array | undefined {
    const { fd, path } = this.#file;
    const segment = segments.find(
      (each) => each.address <= address && address + size <= each.address + each.length,
    );
    if (segment === undefined) return undefined;
    const bytes = new Uint8Array(size);
    const from = segment.offset + address - segment.address;
    this.#attempt(`cannot read ${path}`, () => {
      for (let done = 0; done < size; ) {
        const count = readSync(fd, bytes, done, size - done, from + done);
        if (count === 0) throw new MultifdError('io', `${path}: became shorter while it was written`);
        done += count;
      }
    });
    return bytes;
  }

  #attempt(what: string, call: () => void): void {
    try {
      call();
    } catch (cause) {
      throw MultifdError.is(cause) ? cause : MultifdError.from(cause, 'io', what);
    }
  }
}
