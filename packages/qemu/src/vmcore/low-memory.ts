import type { DecodedDevice } from '../inspect/devices.js';
import { pciConfigOf } from './fields.js';
import type { Chipset } from './machine.js';

/** The window of a VGA card. */
export const VGA_WINDOW = { start: 0xa0000, end: 0xc0000 } as const;
/** 13 pieces that the chipset gives to RAM or to PCI: 12 of 16 KiB, and the BIOS's 64 KiB. */
const PAM_START = 0xc0000;
const PAM_SIZE = 0x4000;
const PAM_COUNT = 12;
const BIOS_START = 0xf0000;
export const LOW_END = 0x100000;

/** PAM0 and SMRAM in the configuration of the host bridge. */
const REGISTERS: Readonly<Record<Chipset, { pam: number; smram: number; device: string }>> = {
  pc: { pam: 0x59, smram: 0x72, device: '0000:00:00.0/I440FX' },
  q35: { pam: 0x90, smram: 0x9d, device: '0000:00:00.0/mch' },
};
const SMRAM_OPEN = 0x40;
const READ_ENABLE = 1;

/** A piece below 1 MiB, and whether the processors read RAM there or what stands on PCI. */
export interface LowPiece {
  readonly start: number;
  readonly end: number;
  readonly isRam: boolean;
}

/**
 * What the chipset shows between 0xa0000 and 1 MiB. Without its registers: as firmware leaves it, all of it RAM but the
 * window of a VGA card.
 */
export function lowPieces(chipset: Chipset, devices: readonly DecodedDevice[], hasVga: boolean): LowPiece[] {
  const { pam, smram, device } = REGISTERS[chipset];
  const state = devices.find(({ name }) => name === device)?.state;
  const config = state === undefined ? undefined : pciConfigOf(state);
  const isOpen = ((config?.[smram] ?? 0) & SMRAM_OPEN) !== 0;
  const attribute = (index: number): number => {
    const byte = config?.[pam + Math.ceil(index / 2)] ?? 0xff;
    return index % 2 === 1 ? byte & 3 : (byte >> 4) & 3;
  };
  // Only READ alone, and READ with WRITE, show RAM: with WRITE alone reads still go to PCI.
  const isRam = (index: number): boolean => (attribute(index) & READ_ENABLE) !== 0;
  const pieces: LowPiece[] = [{ ...VGA_WINDOW, isRam: !hasVga || isOpen }];
  for (let index = 1; index <= PAM_COUNT; index++) {
    const start = PAM_START + (index - 1) * PAM_SIZE;
    pieces.push({ start, end: start + PAM_SIZE, isRam: isRam(index) });
  }
  return [...pieces, { start: BIOS_START, end: LOW_END, isRam: isRam(0) }];
}
