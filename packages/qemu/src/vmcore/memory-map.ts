import { MultifdError } from '@multifd/core';
import type { DecodedDevice } from '../inspect/devices.js';
import { deviceRam, isDeviceBlock } from './device-ram.js';
import { LOW_END, lowPieces, VGA_WINDOW } from './low-memory.js';
import { ABOVE_4G, type Chipset, chipsetOf, type Split, splitRam } from './machine.js';
import { isVirtioMem, virtioMem } from './virtio-mem.js';

/** A RAM block of the guest. */
export interface MappedBlock {
  readonly name: string;
  /** Used length in bytes. */
  readonly length: number;
}

/** A part of a RAM block, where the guest's processors see it. */
export interface PhysicalRange {
  readonly block: string;
  /** Byte offset in the block. */
  readonly offset: number;
  /** Guest-physical address. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

export interface MapRequest {
  readonly machineType: string;
  readonly blocks: readonly MappedBlock[];
  /** Empty if nothing is known of them. */
  readonly devices: readonly DecodedDevice[];
  /** The blocks that are the machine's RAM, in the order of their addresses. Default: the one that is. */
  readonly ram?: readonly string[];
}

/** Where the RAM blocks are in the guest's physical memory. */
export interface MemoryMap {
  /** Ascending and apart. */
  readonly ranges: readonly PhysicalRange[];
  readonly split: Split;
  /** The machine's RAM blocks, in the order of their addresses. */
  readonly ram: readonly MappedBlock[];
  /** Blocks of RAM that are not in the map: nothing in a stream says where they are. */
  readonly leftOut: readonly MappedBlock[];
}

/**
 * Puts the blocks where QEMU has them, as its `dump-guest-memory` lists them.
 * @throws MultifdError `incompatible` for a machine whose map is not known; `usage` if it must be told which blocks are its RAM.
 */
export function mapMemory(request: MapRequest): MemoryMap {
  const { blocks, devices } = request;
  const { chipset, ram, size, split } = arrange(request);
  const { low, high, hasVga } = deviceRam(blocks, devices);
  const ranges: PhysicalRange[] = [...inBlocks(ram, 0, VGA_WINDOW.start, 0)];
  for (const { start, end, isRam } of lowPieces(chipset, devices, hasVga)) {
    const shown = isRam ? [] : low.flatMap((range) => cut(range, start, end));
    // Where nothing stands on PCI the RAM below shows through, but not through the window of a card.
    if (shown.length > 0) ranges.push(...shown);
    else if (isRam || start !== VGA_WINDOW.start) ranges.push(...inBlocks(ram, start, end, start));
  }
  ranges.push(...inBlocks(ram, LOW_END, split.below4g, LOW_END));
  ranges.push(...high.filter(({ address }) => address >= split.below4g));
  ranges.push(...inBlocks(ram, split.below4g, size, ABOVE_4G));
  const plugged = virtioMem(blocks, devices, ABOVE_4G + Math.max(0, size - split.below4g));
  ranges.push(...plugged.ranges);
  const isThere = new Set([...ram.map(({ name }) => name), ...plugged.placed]);
  const leftOut = blocks.filter(({ name }) => !isThere.has(name) && isPlugged(name, devices));
  return { ranges: joined(ranges), split, ram, leftOut };
}

/**
 * The blocks that are the machine's RAM.
 * @param named them, in the order of their addresses. Undefined: the one that is.
 * @throws MultifdError `usage` if they must be named, or are not there.
 */
export function machineRam(
  blocks: readonly MappedBlock[],
  named: readonly string[] | undefined,
): readonly MappedBlock[] {
  return named === undefined ? findRam(blocks) : pickRam(blocks, named);
}

/**
 * What can be said before RAM and devices are here: when they are, a source may have let its guest go. It takes the machine
 * to have its default of RAM below 4 GiB. With another (`max-ram-below-4g`) RAM may end some GiB higher or lower, which
 * matters only near 1 TiB.
 * @throws MultifdError as `mapMemory`.
 */
export function checkMachine(request: Omit<MapRequest, 'devices'>): void {
  arrange({ ...request, devices: [] });
}

interface Arrangement {
  readonly chipset: Chipset;
  readonly ram: readonly MappedBlock[];
  /** Bytes of `ram`. */
  readonly size: number;
  readonly split: Split;
}

/** @throws MultifdError as `mapMemory`. */
function arrange({ machineType, blocks, devices, ram: named }: MapRequest): Arrangement {
  const chipset = chipsetOf(machineType);
  const ram = machineRam(blocks, named);
  const size = ram.reduce((sum, { length }) => sum + length, 0);
  if (size < LOW_END) throw new MultifdError('incompatible', `${size} bytes of RAM: a PC has at least 1 MiB`);
  return { chipset, ram, size, split: splitRam(chipset, size, devices) };
}

function findRam(blocks: readonly MappedBlock[]): readonly MappedBlock[] {
  const pcRam = blocks.find(({ name }) => name === 'pc.ram');
  if (pcRam !== undefined) return [pcRam];
  const candidates = blocks.filter(({ name }) => !isDeviceBlock(name));
  if (candidates.length === 1) return candidates;
  const names = (candidates.length === 0 ? blocks : candidates).map(({ name }) => name);
  throw new MultifdError(
    'usage',
    candidates.length === 0
      ? `none of the RAM blocks is known as the machine's RAM: ${names.join(', ')}`
      : `the RAM blocks ${names.join(', ')}: nothing says in which order the machine has them`,
    { hint: `name them in the order of the NUMA nodes that have them, as ram: ${names.join(',')}` },
  );
}

function pickRam(blocks: readonly MappedBlock[], names: readonly string[]): readonly MappedBlock[] {
  return names.map((name, index) => {
    const found = blocks.find((block) => block.name === name);
    if (found !== undefined && names.indexOf(name) === index) return found;
    const fault = found === undefined ? 'there is no such RAM block' : 'it is there twice';
    throw new MultifdError('usage', `RAM block ${name}: ${fault}`, {
      hint: `the guest has ${blocks.map((block) => block.name).join(', ')}`,
    });
  });
}

/** Whether a block is RAM that was plugged: a DIMM, or the memory of a virtio-mem. */
function isPlugged(name: string, devices: readonly DecodedDevice[]): boolean {
  if (!isDeviceBlock(name)) return true;
  if (name.endsWith('.rom')) return false;
  // Without devices: a device's own memory is named with a point (qxl.vram), or bochs-display-vram; firmware's files have no slot.
  return isVirtioMem(name, devices) ?? /^[0-9a-f:.]+\/(?!.*-vram$)[^./]+$/.test(name);
}

/** Bytes [start, end) of the blocks taken as one, from `address` on. */
function inBlocks(
  blocks: readonly MappedBlock[],
  start: number,
  end: number,
  address: number,
): PhysicalRange[] {
  let base = 0;
  return blocks.flatMap(({ name, length }) => {
    const from = Math.max(start, base);
    const to = Math.min(end, base + length);
    const offset = from - base;
    base += length;
    return to <= from ? [] : [{ block: name, offset, address: address + from - start, length: to - from }];
  });
}

function cut({ block, offset, address, length }: PhysicalRange, start: number, end: number): PhysicalRange[] {
  const from = Math.max(start, address);
  const to = Math.min(end, address + length);
  return to <= from ? [] : [{ block, offset: offset + from - address, address: from, length: to - from }];
}

/** Neighbours that are one piece of one block become one range. */
function joined(ranges: readonly PhysicalRange[]): PhysicalRange[] {
  const all: PhysicalRange[] = [];
  for (const range of ranges) {
    const last = all.at(-1);
    const isNext =
      last?.block === range.block &&
      last.address + last.length === range.address &&
      last.offset + last.length === range.offset;
    if (isNext) all[all.length - 1] = { ...last, length: last.length + range.length };
    else all.push(range);
  }
  return all;
}
