/** Everything of the guest outside its RAM, as device sections of the migration stream. */
import type { DeviceSection } from '@multifd/core';

export interface Devices {
  /** Of the vCPU: steps that the program has made. */
  readonly steps: number;
  /** Of the clock: ms that the guest has run. */
  readonly time: number;
}

const VERSION = 1;

export function saveDevices({ steps, time }: Devices): DeviceSection[] {
  return [save('live-vm/cpu', steps), save('live-vm/clock', Math.round(time))];
}

/** @throws Error for a device that is missing, or of another version. A newer VMM writes another `VERSION`. */
export function loadDevices(sections: readonly DeviceSection[]): Devices {
  return { steps: load(sections, 'live-vm/cpu'), time: load(sections, 'live-vm/clock') };
}

function save(idstr: string, value: number): DeviceSection {
  const body = Buffer.alloc(8);
  body.writeBigUInt64BE(BigInt(value));
  return { idstr, instanceId: 0, versionId: VERSION, body };
}

function load(sections: readonly DeviceSection[], idstr: string): number {
  const found = sections.find((section) => section.idstr === idstr);
  if (found === undefined) throw new Error(`the guest has no device ${idstr}`);
  if (found.versionId !== VERSION || found.body.length !== 8)
    throw new Error(`device ${idstr}: version ${found.versionId} cannot be read here`);
  return Number(Buffer.from(found.body).readBigUInt64BE());
}
