/** The addon's interface: what `crates/binding` exports. Its errors have a `code`, and what to do on a second line. */
export interface NativeBinding {
  /** Maps memory and keeps it until `unmapMemory`, and longer if somebody uses it. Numbers are good in all threads. */
  mapMemory(plan: NativePlan): number;
  unmapMemory(number: number): void;
  /** For tests: mappings that can be opened, and SharedArrayBuffers that hold one. */
  heldMemory(): number[];
  /** Whether this JavaScript engine takes memory of others: `NativeMemory.view` fails without. */
  takesMemory(): boolean;
  /** As lseek(2) does with SEEK_DATA; -1: no data follows. Moves the descriptor's position. */
  nextData(descriptor: number, offset: number): number;
  /** As lseek(2) does with SEEK_HOLE; -1: the offset lies behind the end. Moves the descriptor's position. */
  nextHole(descriptor: number, offset: number): number;
  /** Null: it cannot be told here. */
  isOpenForWriting(descriptor: number): boolean | null;
  /** As renameat2(2) does with RENAME_EXCHANGE; false where the kernel or the file system cannot. */
  exchangeNames(a: string, b: string): boolean;
  readonly Memory: new (number: number) => NativeMemory;
  readonly NativeInterrupt: new () => NativeInterrupt;
  readonly NativeSocket: new (descriptor: number, interrupt: number) => NativeSocket;
  readonly NativeTlsSocket: new (descriptor: number, interrupt: number) => NativeTlsSocket;
  /**
   * Waits until one of the sockets can go on. @param sends for each, whether it waits to send; else, to receive.
   * @param timeout ms. @returns for each: 0 it waits, 1 it can go on, 2 it is to send, and the peer is gone.
   */
  waitAny(
    interrupt: number,
    descriptors: readonly number[],
    sends: readonly boolean[],
    timeout: number,
  ): number[];
  readonly NativeTracker: new (plan: NativeTrackerPlan) => NativeTracker;
  /** What a tracker by digests knows was sent of one mapping: by the number that it gives. For threads that send. */
  readonly NativeDigests: new (
    number: number,
  ) => NativeDigests;
}

export interface NativePlan {
  readonly name: string;
  readonly length: number;
  readonly kind: string;
  readonly path?: string;
  readonly descriptor?: number;
  readonly offset?: number;
  readonly shared?: boolean;
  readonly writable?: boolean;
}

/** A mapping as one thread has it open. Offsets and lengths are bytes. */
export interface NativeMemory {
  /** Keeps the mapping until it is collected. */
  view(offset: number, length: number): SharedArrayBuffer;
  /** As `RamBlock.absent`. */
  absent(offset: number, length: number): number;
  zero(offset: number, length: number): void;
  intact(): void;
  allocated(): number;
  /** Whether `askHuge` can bring anything. */
  canAsk(): boolean;
  /** The 2 MiB at `offset` become a huge page when they are first touched, if the kernel has one. */
  askHuge(offset: number): void;
  /** Bytes; -1: the kernel does not say. */
  inHugePages(): number;
  /** For tests: how often the kernel was asked where a run of the file's data ends, over all threads. */
  asked(): number;
  /** -1: there is none. */
  descriptor(): number;
  close(): void;
}

export interface NativeInterrupt {
  number(): number;
  fire(): void;
  close(): void;
}

/** Time limits are milliseconds. Keeps none of its arguments. */
export interface NativeSocket {
  send(vectors: readonly Uint8Array[], stallTimeout: number): void;
  receive(targets: readonly Uint8Array[], timeout: number): number;
  /** @returns bytes that the kernel has taken. */
  trySend(vectors: readonly Uint8Array[]): number;
  /** @returns bytes; 0: the peer has closed; -1: nothing has come. */
  tryReceive(targets: readonly Uint8Array[]): number;
  limitQueues(unsent: number, unread: number): void;
  close(): void;
}

/** As `NativeSocket`, of a connection whose TLS handshake is over. It has a descriptor of its own. */
export interface NativeTlsSocket extends NativeSocket {
  /** From now on it sends. Once only. @param secret has protected nothing. @param recordsPerKey for tests. */
  sends(suite: string, secret: Uint8Array, recordsPerKey?: number): void;
  /** From now on it receives. */
  receives(suite: string, secret: Uint8Array, received: Uint8Array, taken: number): void;
  end(stallTimeout: number): void;
  isCut(): boolean;
}

export interface NativeTrackerPlan {
  readonly kind: string;
  /** Numbers of mappings. */
  readonly mappings: readonly number[];
  /** Bytes of a page of the guest. */
  readonly pageSize: number;
  readonly process?: number;
  readonly addresses?: readonly number[];
  /** For tests: soft-dirty also where the kernel never sets a bit. */
  readonly unchecked?: boolean;
}

export interface NativeTracker {
  /** For `NativeDigests`, one for each mapping; none for other kinds. */
  digests(): number[];
  /** One bitmap, and its number of pages, for each mapping. */
  sync(words: readonly Int32Array[], pages: readonly number[]): void;
  close(): void;
}

export interface NativeDigests {
  /** Fills `target` with whole pages, and remembers what it has read: the other end has it from now on. */
  readToSend(offset: number, target: Uint8Array): void;
  /** As `SendingBlock.absentToSend`. */
  absentToSend(offset: number, length: number): number;
  close(): void;
}
