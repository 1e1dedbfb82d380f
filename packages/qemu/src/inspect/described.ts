import { type DeviceSection, type RawDeviceState, WireError } from '@multifd/core';
import { splitDeviceState } from '@multifd/core/wire';
import { MemorySource } from '../stream/byte-source.js';
import { findDescription } from '../stream/description.js';

/** Devices apart, and what says what they are. */
export interface DescribedDevices {
  readonly sections: readonly DeviceSection[];
  readonly vmdesc: string;
}

/**
 * The devices of a guest of which only the bytes are there, as a store keeps them.
 * @returns undefined if they have no description, or none that fits them.
 */
export function describedDevices({ beforeRam, early, bytes }: RawDeviceState): DescribedDevices | undefined {
  const vmdesc = findDescription(new MemorySource(bytes))?.text;
  if (vmdesc === undefined || vmdesc === '') return undefined;
  try {
    const all = new Uint8Array(Buffer.concat([beforeRam ?? new Uint8Array(0), early, bytes]));
    return { sections: splitDeviceState(all, vmdesc), vmdesc };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
