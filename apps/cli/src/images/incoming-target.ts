import type {
  FileBlockDescriptor,
  IncomingBlock,
  IncomingRam,
  RamBlockDescriptor,
  ReceiveResult,
} from '@multifd/core';

/** What stays of a guest that could not be kept as it should be. */
export interface Stranded {
  /** The files that hold it, as far as they were written. */
  readonly paths: readonly string[];
  /** What they have replaced, under its hidden names. */
  readonly replaced: readonly string[];
}

/** A guest that is complete. */
export interface Kept {
  /** How to read it, without its holes. */
  readonly blocks: readonly RamBlockDescriptor[];
  /** The files that were written, for people. */
  readonly paths: readonly string[];
}

export interface KeptFiles extends Kept {
  readonly blocks: readonly FileBlockDescriptor[];
}

/** What a target wants to know of a guest: of core's `ReceiveResult`, or of one that comes from elsewhere. */
export type GuestToKeep = Pick<
  ReceiveResult,
  'guest' | 'machineType' | 'configuration' | 'ram' | 'receivedPages' | 'rawDeviceState'
> & {
  /** Its devices apart. Undefined: not known. */
  readonly deviceState?: ReceiveResult['deviceState'];
};

/**
 * Where `receive` keeps a guest, on the disk: all or nothing. `keep` gives what is complete its name, and until `settle`
 * says that it is wanted, `discard` puts everything back as it was.
 */
export interface IncomingTarget {
  /**
   * Makes room for the announced blocks, and for `ahead` bytes of device state that came before them.
   * @throws MultifdError `usage` for what is already there, `io`; `incompatible` for a machine that cannot be kept so.
   */
  openRam(
    blocks: readonly IncomingBlock[],
    ahead: number,
    machineType: string,
  ): IncomingRam | Promise<IncomingRam>;
  /**
   * Brings it to the disk and gives it its name; nothing may write to it any more. What it replaces is moved aside. The
   * caller's thread stays free: a disk may take minutes, and a failure meanwhile must be heard. To be called once: a
   * second fsync after one that failed proves nothing.
   * Two that want the same name do not both get it: who comes second fails here, and its source keeps the guest.
   * @returns what can be read until `settle` or `discard`.
   * @throws MultifdError `io`; `cancelled` after `discard`. The caller then calls `discard`.
   */
  keep(received: GuestToKeep): Promise<Kept>;
  /**
   * The guest is here for good: what it replaced goes away. To be called after `keep`.
   * @returns what could not be removed, and what else the user should hear, one line each: no reason to fail.
   */
  settle(): readonly string[] | Promise<readonly string[]>;
  /**
   * Since `keep` was asked for a guest whose source did not wait for an answer: it may be nowhere else, so that neither
   * `discard` nor `abandon` removes anything. Undefined of any other guest, and after `settle`.
   */
  readonly stranded: Stranded | undefined;
  /**
   * The guest did not come: nothing of it stays, and what was replaced is back, unless it is `stranded`. Does nothing
   * after `settle`.
   * @returns what could not be put back, one line each.
   */
  discard(): readonly string[] | Promise<readonly string[]>;
  /**
   * The process ends now, whatever it was doing. What is complete stays, and beside it what it replaced: the source may
   * have been told that the guest is here, and then it is all there is of it.
   */
  abandon(): void;
}
