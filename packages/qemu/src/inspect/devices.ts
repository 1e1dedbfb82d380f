import type { DeviceSection } from '@multifd/core';
import { type DeviceDescription, parseDevices } from '../stream/description.js';
import { type DeviceStruct, decodeStruct } from './values.js';

/** A device whose fields have names. */
export interface DecodedDevice {
  readonly name: string;
  readonly instanceId: number;
  readonly state: DeviceStruct;
}

/**
 * Names the fields of a guest's devices, as `ReceiveResult.deviceState` and `MappedRamGuest.deviceState` have them.
 * A device that the description does not know, or gives another size, has no fields.
 * @param vmdesc the stream's description.
 * @throws WireError `protocol` if it is not one.
 */
export function decodeDevices(sections: readonly DeviceSection[], vmdesc: string): DecodedDevice[] {
  const described = new Map<string, DeviceDescription[]>();
  for (const device of parseDevices(vmdesc).devices) {
    const key = `${device.instanceId} ${device.name}`;
    const same = described.get(key);
    if (same === undefined) described.set(key, [device]);
    else same.push(device);
  }
  return sections.map(({ idstr: name, instanceId, body }) => {
    const description = described.get(`${instanceId} ${name}`)?.shift();
    const fits = description !== undefined && description.size === body.length;
    return { name, instanceId, state: fits ? decodeStruct(body, description) : {} };
  });
}
