import { MultifdError } from '@multifd/core';
import type { DecodedDevice } from '../inspect/devices.js';
import { bytesOf } from './fields.js';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
/** Where RAM goes on above the hole for devices. */
export const ABOVE_4G = 4 * GiB;
/** Above it QEMU may move RAM to 1 TiB, for AMD's HyperTransport, and nothing in the stream tells. */
const HYPER_TRANSPORT = 0xfd_0000_0000;

/** For messages. */
export const KNOWN =
  'dumps can be made of x86 guests of the machine types pc (pc-i440fx-...) and q35 (pc-q35-...)';

/** The machines whose memory map is known: i440FX and Q35. */
export type Chipset = 'pc' | 'q35';

/** @throws MultifdError `incompatible` for a machine whose memory map is not known. */
export function chipsetOf(machineType: string): Chipset {
  if (machineType === 'pc' || machineType.startsWith('pc-i440fx-')) return 'pc';
  if (machineType === 'q35' || machineType.startsWith('pc-q35-')) return 'q35';
  throw new MultifdError('incompatible', `machine type ${machineType}: its memory map is not known`, {
    hint: KNOWN,
  });
}

/** How much RAM lies below 4 GiB, and how that is known. */
export interface Split {
  /** Bytes from address 0 on; the rest begins at 4 GiB. */
  readonly below4g: number;
  /** `cmos`: the machine was started with another limit than its default (max-ram-below-4g). */
  readonly from: 'machine' | 'cmos';
}

/**
 * QEMU writes both sizes to the CMOS RAM of the machine that it starts, and that is in the stream: so `max-ram-below-4g` is
 * known. A guest may have overwritten it: sizes that do not make up its RAM are not believed.
 * @param ramSize bytes of all RAM of the machine.
 * @throws MultifdError `incompatible` for more RAM than is known to lie in two pieces.
 */
export function splitRam(chipset: Chipset, ramSize: number, devices: readonly DecodedDevice[]): Split {
  const usual = usualBelow4g(chipset, ramSize);
  const noted = notedBelow4g(ramSize, devices);
  const split: Split =
    noted === undefined || noted === usual
      ? { below4g: usual, from: 'machine' }
      : { below4g: noted, from: 'cmos' };
  if (ABOVE_4G + ramSize - split.below4g > HYPER_TRANSPORT) {
    throw new MultifdError('incompatible', `${ramSize} bytes of RAM: where QEMU puts them is not known`, {
      hint: `dumps can be made of guests whose RAM ends below ${HYPER_TRANSPORT / GiB} GiB`,
    });
  }
  return split;
}

/** pc_init1 and pc_q35_init of QEMU, without max-ram-below-4g. */
function usualBelow4g(chipset: Chipset, ramSize: number): number {
  if (chipset === 'pc') return ramSize >= 3.5 * GiB ? 3 * GiB : ramSize;
  return ramSize >= 2.75 * GiB ? 2 * GiB : ramSize;
}

/** pc_cmos_init of QEMU: units of 64 KiB, from 16 MiB and from 4 GiB on. */
function notedBelow4g(ramSize: number, devices: readonly DecodedDevice[]): number | undefined {
  const rtc = devices.find(({ name }) => name === 'mc146818rtc');
  const cmos = bytesOf(rtc?.state.cmos_data);
  if (cmos === undefined || cmos.length < 128) return undefined;
  const unit = 2 ** 16;
  const byte = (at: number): number => cmos[at] ?? 0;
  const from16m = byte(0x34) + byte(0x35) * 2 ** 8;
  const above = byte(0x5b) + byte(0x5c) * 2 ** 8 + byte(0x5d) * 2 ** 16;
  if (from16m === 0) return undefined;
  const below4g = above === 0 ? ramSize : 16 * MiB + from16m * unit;
  const fits =
    Math.floor((below4g - 16 * MiB) / unit) === from16m && Math.floor((ramSize - below4g) / unit) === above;
  return fits && below4g <= ABOVE_4G ? below4g : undefined;
}
