import type { ReceiveResult } from '@multifd/core';
import { describeDevices, encodeEndOfSections, encodeVmDescription } from '@multifd/core/wire';
import type { Identity } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import type { HostChoice } from '../host/choose-host.js';
import type { Source } from '../options/sources.js';
import { withoutNote } from './device-state.js';
import { checkReportable, openFileSource, storedGuest } from './file-source.js';
import { PAGE_SIZE } from './page-size.js';
import { describeRawSource, identityOf, openRawSource, rawGuest } from './raw-source.js';
import { checkDescribed, openStoreSource, snapshotGuest } from './store-source.js';

/** A guest that lies somewhere, before it is made ready to be sent. */
export interface GuestAtRest {
  /** What is known of it; undefined: nothing. */
  readonly identity: Identity | undefined;
  /** Its devices, and their description if there is one. */
  readonly rawDeviceState: ReceiveResult['rawDeviceState'];
  /** @throws MultifdError `usage` if a destination could not be asked what it has. */
  checkReportable(): void;
  /** To be called once: what it returns is closed instead of this. @param note hears what is left out, or goes unread. */
  prepare(identity: Identity, host: HostChoice, note: (line: string) => void): Promise<PreparedGuest>;
  /** Without `prepare`. */
  close(): Promise<void>;
}

/**
 * Opened first: its machine type decides parameters, and its uuid is also the loopback's.
 * @returns undefined for a guest that is made here.
 * @throws MultifdError `usage`, `incompatible`, `protocol`, `io`, `cancelled`.
 */
export async function openAtRest(source: Source, signal: AbortSignal): Promise<GuestAtRest | undefined> {
  switch (source.kind) {
    case 'demo':
      return undefined;
    case 'file':
      return ofFile(source.path);
    case 'raw':
      return ofImages(source.path);
    case 'store': {
      const used = await openStoreSource(source, 'a migrate of', signal);
      const { machineType, uuid } = used.stored;
      return {
        identity: { machineType, ...(uuid === undefined ? {} : { uuid }) },
        // Whether there is a description is all that is asked.
        rawDeviceState: { ...used.stored.rawDeviceState, vmdesc: used.stored.described ? '' : undefined },
        checkReportable: () => checkDescribed(used),
        prepare: async (identity, _, note) => {
          if (used.reading.note !== undefined) note(used.reading.note);
          return snapshotGuest(used, identity);
        },
        close: () => used.close(),
      };
    }
  }
}

/** As core sends it of a guest that has none. */
const DESCRIPTION = describeDevices([], PAGE_SIZE);
const NO_DEVICES = {
  early: new Uint8Array(0),
  bytes: Buffer.concat([encodeEndOfSections(), encodeVmDescription(DESCRIPTION)]),
  vmdesc: DESCRIPTION,
};

function ofFile(path: string): GuestAtRest {
  const stored = openFileSource(path);
  const { machineType, uuid } = stored;
  return {
    identity: { machineType, ...(uuid === undefined ? {} : { uuid }) },
    rawDeviceState: stored.rawDeviceState,
    checkReportable: () => checkReportable(stored),
    prepare: async (identity, _, note) => storedGuest(stored, identity, note),
    close: async () => stored.file.close(),
  };
}

function ofImages(path: string): GuestAtRest {
  const images = describeRawSource(path);
  return {
    identity: images === undefined ? undefined : identityOf(images),
    rawDeviceState: NO_DEVICES,
    checkReportable: () => {},
    async prepare(identity, host, note) {
      const opened = await openRawSource(path, note, images);
      if (images?.deviceState === 'dropped') note(withoutNote(path));
      return rawGuest(opened, identity, host);
    },
    close: async () => {},
  };
}
