/** The addon's interface: what `crates/binding` exports. */
export interface NativeBinding {
  /** The version of the library that is linked in. */
  version(method: StreamName): string | null;
  readonly Packer: new (method: StreamName, level: number) => NativePacker;
  readonly Unpacker: new (method: StreamName) => NativeUnpacker;
}

export type StreamName = 'zlib' | 'zstd';

/** The sending end of one channel's stream. Keeps none of its arguments. */
export interface NativePacker {
  /**
   * Takes all of `input` and writes the payload to the front of `output`.
   * @returns its bytes.
   * @throws Error if `output` is too small.
   */
  pack(input: Uint8Array, output: Uint8Array): number;
  /** Frees what it holds; may be called twice. */
  close(): void;
}

/** The receiving end of one channel's stream. Keeps none of its arguments. */
export interface NativeUnpacker {
  /**
   * Fills `output` from `payload`, which must give so many bytes and no more.
   * @throws Error that says in one line what is wrong with the payload; the stream is of no use then.
   */
  unpack(payload: Uint8Array, output: Uint8Array): void;
  /** Frees what it holds; may be called twice. */
  close(): void;
}
