import { isObject, type JsonObject } from '../json.js';
import { QmpError } from './error.js';

/** QEMU's version, from the greeting. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  /** The distributor's: `Debian 1:10.0.2+ds-2`. */
  readonly package: string;
}

/** Something that happened in QEMU: `STOP`, `RESUME`, `MIGRATION`, ... */
export interface QmpEvent {
  readonly event: string;
  readonly data: JsonObject;
  /** ms since the epoch, QEMU's clock. */
  readonly timestamp: number;
}

/** One line from the monitor. */
export type QmpMessage =
  | { readonly type: 'greeting'; readonly version: QemuVersion; readonly capabilities: readonly string[] }
  | { readonly type: 'return'; readonly id: number | undefined; readonly value: unknown }
  | {
      readonly type: 'error';
      readonly id: number | undefined;
      readonly class: string;
      readonly desc: string;
    }
  | { readonly type: 'event'; readonly event: QmpEvent };

/**
 * Reads one line of the monitor's (QEMU's docs/interop/qmp-spec).
 * @throws QmpError `protocol` if it is no message of QMP.
 */
export function parseMessage(line: string): QmpMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new QmpError('protocol', `QMP: not JSON: ${excerpt(line)}`, { cause });
  }
  const message = isObject(value) ? read(value) : undefined;
  if (message === undefined)
    throw new QmpError('protocol', `QMP: not a message of the monitor: ${excerpt(line)}`);
  return message;
}

function read(value: JsonObject): QmpMessage | undefined {
  const id = typeof value.id === 'number' ? value.id : undefined;
  if ('return' in value) return { type: 'return', id, value: value.return };
  if (isObject(value.error)) {
    const { class: kind, desc } = value.error;
    if (typeof kind !== 'string' || typeof desc !== 'string') return undefined;
    return { type: 'error', id, class: kind, desc };
  }
  if (typeof value.event === 'string') return { type: 'event', event: readEvent(value.event, value) };
  return isObject(value.QMP) ? readGreeting(value.QMP) : undefined;
}

function readEvent(event: string, value: JsonObject): QmpEvent {
  const { seconds, microseconds } = isObject(value.timestamp) ? value.timestamp : {};
  const known = typeof seconds === 'number' && typeof microseconds === 'number' && seconds >= 0;
  return {
    event,
    data: isObject(value.data) ? value.data : {},
    timestamp: known ? seconds * 1000 + microseconds / 1000 : 0,
  };
}

function readGreeting(greeting: JsonObject): QmpMessage | undefined {
  const { version, capabilities } = greeting;
  if (!isObject(version) || !isObject(version.qemu)) return undefined;
  const { major, minor, micro } = version.qemu;
  if (typeof major !== 'number' || typeof minor !== 'number' || typeof micro !== 'number') return undefined;
  return {
    type: 'greeting',
    version: {
      major,
      minor,
      micro,
      package: typeof version.package === 'string' ? version.package.trim() : '',
    },
    capabilities: Array.isArray(capabilities) ? capabilities.filter((each) => typeof each === 'string') : [],
  };
}

function excerpt(line: string): string {
  return line.length > 80 ? `${line.slice(0, 80)}...` : line;
}
