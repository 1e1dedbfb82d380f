import type { DecodedDevice } from '../inspect/devices.js';
import { pciConfigOf } from './fields.js';
import { LOW_END } from './low-memory.js';
import { ABOVE_4G } from './machine.js';
import type { MappedBlock, PhysicalRange } from './memory-map.js';

/** Where option ROMs show through where the chipset does not show RAM. */
const ROM_START = 0xc0000;
/** The last bytes of the BIOS are below 1 MiB too. */
const BIOS_LOW_SIZE = 0x20000;
/** Offsets in a PCI device's configuration. */
const COMMAND = 0x04;
const CLASS = 0x0a;
const BAR0 = 0x10;
const COMMAND_MEMORY = 2;
const CLASS_VGA = 0x0300;
const BAR_IO = 1;
const BAR_64 = 4;
const BAR_FLAGS = 0xf;

/** Memory of devices that a dump of QEMU's has, too. */
export interface DeviceRam {
  /** Below 1 MiB, seen where the chipset does not show RAM. */
  readonly low: readonly PhysicalRange[];
  /** Above the RAM that is below 4 GiB, ascending. */
  readonly high: readonly PhysicalRange[];
  readonly hasVga: boolean;
}

/**
 * Whether a block is a device's memory or a ROM by its name, and no RAM of the machine. The RAM that a virtio-mem plugs is in
 * its slot, too.
 */
export function isDeviceBlock(name: string): boolean {
  if (name.startsWith('/objects/')) return false;
  return name.includes('/') || /\.(?:vram|rom|bios|ram_header)$/.test(name) || FIRMWARE.has(name);
}

const FIRMWARE: ReadonlySet<string> = new Set(['isa-bios', 'system.flash0', 'system.flash1', 'kvmvapic']);

/** BIOS, option ROMs, and the memory of a VGA card, as far as they are mapped. */
export function deviceRam(blocks: readonly MappedBlock[], devices: readonly DecodedDevice[]): DeviceRam {
  const high: PhysicalRange[] = [];
  const low: PhysicalRange[] = [];
  const find = (name: string): MappedBlock | undefined => blocks.find((block) => block.name === name);
  const rom = find('pc.rom');
  if (rom !== undefined)
    low.push({ block: rom.name, offset: 0, address: ROM_START, length: Math.min(rom.length, 0x20000) });
  const bios = find('pc.bios');
  if (bios !== undefined && bios.length <= 16 * LOW_END) {
    const length = Math.min(bios.length, BIOS_LOW_SIZE);
    low.push({ block: bios.name, offset: bios.length - length, address: LOW_END - length, length });
  }
  for (const { name, length } of blocks) {
    const slot = /^(.+\/)vga\.vram$/.exec(name)?.[1];
    const address = slot === undefined ? undefined : videoAddress(slot, devices);
    if (address !== undefined) high.push({ block: name, offset: 0, address, length });
  }
  if (bios !== undefined && bios.length <= 16 * LOW_END)
    high.push({ block: bios.name, offset: 0, address: ABOVE_4G - bios.length, length: bios.length });
  return { low, high: apart(high), hasVga: hasVga(blocks, devices) };
}

/** The first memory BAR of the card in this slot, if it is on and below 4 GiB. */
function videoAddress(slot: string, devices: readonly DecodedDevice[]): number | undefined {
  const config = configIn(slot, devices);
  if (config === undefined) return undefined;
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  const isOn = (view.getUint16(COMMAND, true) & COMMAND_MEMORY) !== 0;
  // vmware has its ports first.
  const at = (view.getUint32(BAR0, true) & BAR_IO) === 0 ? BAR0 : BAR0 + 4;
  const bar = view.getUint32(at, true);
  const isHigh = (bar & BAR_64) !== 0 && view.getUint32(at + 4, true) !== 0;
  const address = (bar & ~BAR_FLAGS) >>> 0;
  return isOn && !isHigh && (bar & BAR_IO) === 0 && address !== 0 ? address : undefined;
}

/** A guest may have put a BAR anywhere: what does not lie by itself is left out. */
function apart(ranges: readonly PhysicalRange[]): PhysicalRange[] {
  const sorted = ranges.toSorted((a, b) => a.address - b.address);
  return sorted.filter(({ address, length }, index) => {
    const next = sorted[index + 1];
    return address + length <= (next?.address ?? ABOVE_4G);
  });
}

/** Whether a card has the window below 1 MiB. What does not show its class (virtio-vga) is taken for one. */
function hasVga(blocks: readonly MappedBlock[], devices: readonly DecodedDevice[]): boolean {
  return blocks.some(({ name }) => {
    const slot = /^(.*\/)?vga\.vram$/.exec(name);
    if (slot === null) return false;
    const config = slot[1] === undefined ? undefined : configIn(slot[1], devices);
    return config === undefined || (config[CLASS] ?? 0) + (config[CLASS + 1] ?? 0) * 2 ** 8 === CLASS_VGA;
  });
}

/** The PCI configuration of the device in this slot, if its fields have names. */
function configIn(slot: string, devices: readonly DecodedDevice[]): Uint8Array | undefined {
  for (const { name, state } of devices) {
    const config = name.startsWith(slot) ? pciConfigOf(state) : undefined;
    if (config !== undefined) return config;
  }
  return undefined;
}
