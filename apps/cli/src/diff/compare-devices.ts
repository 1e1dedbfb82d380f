import type { DecodedDevice, DeviceStruct, DeviceValue } from '@multifd/qemu';

/** A field that has another value. */
export interface FieldDiff {
  /** As `env.regs[3]`, or `vga.sr`. */
  readonly field: string;
  /** Undefined: it is not there. */
  readonly before: DeviceValue | undefined;
  readonly now: DeviceValue | undefined;
}

export interface DeviceDiff {
  readonly name: string;
  readonly instanceId: number;
  readonly fields: readonly FieldDiff[];
}

export interface DevicesDiff {
  /** Devices that both have, with what differs. */
  readonly changed: readonly DeviceDiff[];
  /** Devices that only one has: `NAME INSTANCE`. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
  /** How many both have. */
  readonly compared: number;
}

/** Devices of one name and instance are the same; of several, in their order. */
export function compareDevices(before: readonly DecodedDevice[], now: readonly DecodedDevice[]): DevicesDiff {
  const left = new Map<string, DecodedDevice[]>();
  for (const device of now) left.set(keyOf(device), [...(left.get(keyOf(device)) ?? []), device]);
  const changed: DeviceDiff[] = [];
  const onlyBefore: string[] = [];
  let compared = 0;
  for (const device of before) {
    const same = left.get(keyOf(device))?.shift();
    if (same === undefined) {
      onlyBefore.push(keyOf(device));
      continue;
    }
    compared++;
    const fields = [...differences('', device.state, same.state)];
    if (fields.length > 0) changed.push({ name: device.name, instanceId: device.instanceId, fields });
  }
  return {
    changed,
    onlyBefore,
    onlyNow: [...left].flatMap(([key, devices]) => devices.map(() => key)),
    compared,
  };
}

function keyOf({ name, instanceId }: DecodedDevice): string {
  return `${name} ${instanceId}`;
}

function* differences(
  path: string,
  before: DeviceValue | undefined,
  now: DeviceValue | undefined,
): Generator<FieldDiff> {
  if (isStruct(before) && isStruct(now)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
      yield* differences(path === '' ? name : `${path}.${name}`, own(before, name), own(now, name));
    }
  } else if (isArray(before) && isArray(now) && before.length === now.length) {
    for (const [index, value] of before.entries()) yield* differences(`${path}[${index}]`, value, now[index]);
  } else if (before !== now) {
    yield { field: path, before, now };
  }
}

/** A field may have any name. */
function own(struct: DeviceStruct, name: string): DeviceValue | undefined {
  return Object.hasOwn(struct, name) ? struct[name] : undefined;
}

function isArray(value: DeviceValue | undefined): value is readonly DeviceValue[] {
  return Array.isArray(value);
}

function isStruct(value: DeviceValue | undefined): value is DeviceStruct {
  return typeof value === 'object' && !isArray(value);
}
