import { member } from '../member.js';

/** One device that an accelerator can use, or could if something were mended. */
export type AcceleratorDevice = DeviceFacts &
  (
    | { readonly usable: true }
    /** One line each: why this user cannot use it, and what to do. */
    | { readonly usable: false; readonly reason: string; readonly fix: string }
  );

export interface DeviceFacts {
  /** As a setting names it: `wq0.0`. Unique in the list. */
  readonly id: string;
  /** What it is, one line. */
  readonly what: string;
  /** NUMA node that it is attached to. */
  readonly numaNode?: number;
  /** Descriptors, or batches, that it takes at a time. */
  readonly queueDepth?: number;
  /** In its driver's words: `shared`, `dedicated`. */
  readonly mode?: string;
}

/**
 * Asks an accelerator for its devices. A list that throws or breaks the contract is a device that cannot be used, so
 * that the accelerator's fault hides nothing. Does not throw.
 * @param who its name in messages: `accelerator dsa`.
 */
export async function listSafely(who: string, list: () => unknown): Promise<readonly AcceleratorDevice[]> {
  try {
    const devices: unknown = await list();
    const fault = faultOfDevices(devices);
    if (isDevices(devices)) return devices.map(bare);
    return [unlisted(who, fault ?? 'it changes')];
  } catch (error) {
    return [unlisted(who, error instanceof Error ? error.message : String(error))];
  }
}

/** The first breach of the contract in a list of devices; undefined if there is none. */
export function faultOfDevices(devices: unknown): string | undefined {
  if (!Array.isArray(devices)) return 'list must answer an array';
  const seen = new Set<unknown>();
  for (const [index, device] of devices.entries()) {
    const id = member(device, 'id');
    const usable = member(device, 'usable');
    const texts = usable === true ? ['id', 'what'] : ['id', 'what', 'reason', 'fix'];
    const missing = texts.find((name) => !isLine(member(device, name)));
    if (missing !== undefined) return `list()[${index}].${missing} must be one line of text`;
    if (typeof usable !== 'boolean') return `list()[${index}].usable must be true or false`;
    for (const name of ['numaNode', 'queueDepth']) {
      const value = member(device, name);
      if (value !== undefined && !(typeof value === 'number' && Number.isInteger(value) && value >= 0)) {
        return `list()[${index}].${name} must be a whole number, if it is there`;
      }
    }
    const mode = member(device, 'mode');
    if (mode !== undefined && !isLine(mode)) return `list()[${index}].mode must be text, if it is there`;
    if (seen.has(id)) return `list(): two devices have the id ${String(id)}`;
    seen.add(id);
  }
  return undefined;
}

function isDevices(devices: unknown): devices is readonly AcceleratorDevice[] {
  return faultOfDevices(devices) === undefined;
}

function isLine(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && !/[\r\n]/.test(value);
}

/** Copies only the members of the contract: others may not be cloneable to another thread. */
function bare(device: AcceleratorDevice): AcceleratorDevice {
  const { id, what, numaNode, queueDepth, mode } = device;
  const facts = {
    id,
    what,
    ...(numaNode === undefined ? {} : { numaNode }),
    ...(queueDepth === undefined ? {} : { queueDepth }),
    ...(mode === undefined ? {} : { mode }),
  };
  return device.usable
    ? { ...facts, usable: true }
    : { ...facts, usable: false, reason: device.reason, fix: device.fix };
}

function unlisted(who: string, reason: string): AcceleratorDevice {
  return {
    id: '?',
    what: 'its devices',
    usable: false,
    reason: `its list failed: ${reason}`,
    fix: `it is a mistake of ${who}: tell its author`,
  };
}
