import type { Row } from './rows.js';

/** Of each end's process. Null: there is none, or nobody knows. */
export interface Ends {
  readonly source: number | null;
  readonly destination: number | null;
}

/** How connections were protected. */
export interface SampleTls {
  /** `TLSv1.3`. */
  readonly version: string;
  /** IANA's name: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** What does it on multifd's channels; absent: of a QEMU, or before it was told. */
  readonly channels?: string;
}

/** One migration, measured. */
export interface Sample {
  /** From the call to completion, setup included. */
  readonly ms: number;
  readonly setup: number | null;
  /** ms. */
  readonly downtime: number | null;
  /** Bytes on the wire. */
  readonly transferred: number | null;
  /** ms, from right before the migration to its completion. */
  readonly cpu: Ends;
  /** Bytes. */
  readonly peakRss: Ends;
  /** Page faults in the same time as `cpu`. */
  readonly faults: Ends;
  /** What TLS used; absent: no TLS. */
  readonly tls?: SampleTls;
  /** Share of all cores that something else used right before, 0 to 1. */
  readonly others: number;
}

/** A sample as a contender gives it. */
export type Measured = Omit<Sample, 'others'>;

/** Whose samples these are: of another kind each is shown apart. */
export type Kind = 'multifd' | 'peer' | 'ceiling';

/** What moves a guest, or does a part of that as a ceiling. */
export interface Contender {
  /** As in tables: `multifd`, `multifd --wire qemu`, `QEMU 10.0.2`. */
  readonly name: string;
  readonly kind: Kind;
  /** Why it has no part in this row; undefined if it has one. */
  leftOut(row: Row): string | undefined;
  /**
   * Moves the guest once, on warm memory.
   * @param image the guest's memory; undefined: it was never touched.
   * @throws whatever went wrong; the signal's reason.
   */
  measure(row: Row, image: string | undefined, signal: AbortSignal): Promise<Measured>;
}

/** Samples of one contender in one row. In a file of samples each of these is a line. */
export interface Series {
  readonly row: Row;
  readonly contender: string;
  readonly kind: Kind;
  /** When and with which multifd. */
  readonly date: string;
  readonly multifd: string;
  /** By turn: the contenders' samples of the same number were taken one after the other. */
  readonly samples: readonly Sample[];
  /** Why there are no more. */
  readonly failed?: string;
}
