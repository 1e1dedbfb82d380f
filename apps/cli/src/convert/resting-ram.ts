import type { GuestRamDescriptor, IncomingBlock } from '@multifd/core';
import type { GuestToKeep } from '../images/incoming-target.js';

/** A guest that lies somewhere, and stands still. */
export interface RestingRam
  extends Pick<GuestToKeep, 'machineType' | 'configuration' | 'deviceState' | 'rawDeviceState'> {
  /** What the user calls it. */
  readonly place: string;
  /** Its pages where they lie. Undefined: they are in no order. */
  readonly ram: GuestRamDescriptor | undefined;
  /** Bytes. */
  readonly pageSize: number;
  readonly blocks: readonly IncomingBlock[];
  /** Descriptors of files that it is read from. */
  readonly fds: readonly number[];
  /** What the user should know of it, one line each. */
  readonly notes: readonly string[];
  /** Writes its pages to `ram`, of the same blocks, which holds zeros. @throws MultifdError */
  copy(ram: GuestRamDescriptor, signal: AbortSignal, progress: (share: number) => void): Promise<void>;
  /** @throws MultifdError `io` if somebody has written to it meanwhile. */
  check(): void | Promise<void>;
  close(): void | Promise<void>;
}
