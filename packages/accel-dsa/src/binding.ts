/** The addon's interface: what `crates/binding` exports. */
export interface DsaBinding {
  features(): CpuFeatures;
  /** @throws Error that says what of the queue cannot be opened. */
  readonly Lane: new (
    options: QueueOptions,
  ) => Lane;
}

/** Which of the two instructions that ring a portal this CPU has. */
export interface CpuFeatures {
  /** For shared queues. */
  readonly enqcmd: boolean;
  /** For dedicated queues. */
  readonly movdir64b: boolean;
}

export interface QueueOptions {
  /** Absent: the software queue. */
  readonly device?: QueueDevice;
  /** ms that the device may take and answer nothing, while it has work, before it counts as lost. */
  readonly patience: number;
  /** Of the software queue, for tests. */
  readonly faults?: Faults;
}

export interface QueueDevice {
  /** `/dev/dsa/wq0.0`. */
  readonly path: string;
  readonly shared: boolean;
  /** Entries of the queue. */
  readonly size: number;
  /** Descriptors of a batch at most. */
  readonly maxBatchSize: number;
  /** Bytes of a descriptor at most. */
  readonly maxTransferSize: number;
}

/** What goes wrong in the software queue, in a thousand descriptors unless it says otherwise. */
export interface Faults {
  readonly seed?: number;
  /** A page fault in the middle of a page. */
  readonly partial?: number;
  /** Poisoned memory, or no translation. */
  readonly poison?: number;
  /** In a thousand batches: the list of descriptors faults, and the rest of it is not executed. */
  readonly batch?: number;
  /** A page's completion record is written after its batch's. */
  readonly behind?: number;
  /** A full queue. */
  readonly full?: number;
  /** In a thousand units (batches, and descriptors by themselves): one is held back. */
  readonly late?: number;
  /** Units are executed in any order. */
  readonly shuffled?: boolean;
  /** What the kernel refuses with, from the unit `deniedAfter` on. */
  readonly denied?: 'EPERM' | 'EINVAL';
  readonly deniedAfter?: number;
  /** The device is gone after the descriptor `vanishAfter`: without a word, or with one. */
  readonly vanish?: 'silent' | 'ENODEV';
  readonly vanishAfter?: number;
}

/** One detector's way to a queue. All of a process that ask for the same queue share it. */
export interface Lane {
  /** How descriptors get to the device: `ENQCMD`, `MOVDIR64B`, `write()`. */
  readonly how: string;
  /**
   * The caller keeps `memory` until it settles. It rejects only when the device reads no page of this call any more.
   * @throws Error for an offset without a whole page.
   */
  check(memory: Uint8Array, offsets: Float64Array, count: number, pageSize: number): Promise<Checked>;
  /** When no call is in flight any more. May be called twice. */
  close(): void;
}

export interface Checked {
  /** 1 or 0 for each page. */
  readonly answers: Uint8Array;
  /** Pages that the device answered, and pages that the CPU finished. */
  readonly byDevice: number;
  readonly byCpu: number;
  /** Times that the queue was full. */
  readonly retries: number;
  /** From the first descriptor that the device took to its last answer. */
  readonly nanoseconds: number;
}
