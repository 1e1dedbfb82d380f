/** The addon's interface: what `crates/binding` exports. */
export interface NativeBinding {
  /** The version of the library that is linked in. */
  version(method: StreamName): string | null;
  readonly Packer: new (method: StreamName, level: number) => NativePacker;
  readonly Unpacker: new (method: StreamName) => NativeUnpacker;
  readonly FramePacker: new (level: number) => NativeFramePacker;
}

export type StreamName = 'zlib' | 'zstd';

/** The sending end of one channel's stream. Keeps none of its arguments. */
export interface NativePacker {
  /**
   * Takes all of `pages` and writes the payload to the front of `payload`. The pages may be guest memory, and the guest
   * may write to it: they are copied before they are compressed.
   * @returns the payload's bytes.
   * @throws Error if there is no room for it.
   */
  pack(pages: readonly Uint8Array[], payload: Uint8Array): number;
  /** Frees what it holds; may be called twice. */
  close(): void;
}

/** The receiving end of one channel's stream. Keeps none of its arguments. */
export interface NativeUnpacker {
  /**
   * Fills `pages`, which may be guest memory, from `payload`, which must give so many bytes and no more. Writes nowhere
   * else.
   * @throws Error that says in one line what is wrong with the payload. The stream is of no use then, and the pages
   * hold anything.
   */
  unpack(payload: Uint8Array, pages: readonly Uint8Array[]): void;
  /** Frees what it holds; may be called twice. */
  close(): void;
}

/** Makes zstd frames that stand for themselves. Keeps none of its arguments. */
export interface NativeFramePacker {
  /**
   * Writes one frame of all of `bytes`, which it copies first, to the front of `frame`.
   * @returns the frame's bytes.
   * @throws Error if there is no room for it.
   */
  pack(bytes: Uint8Array, frame: Uint8Array): number;
}
