/** The addon's interface: what `crates/binding` exports. */
export interface NativeBinding {
  /** Every kernel that some CPU has, widest first. */
  kernels(): NativeKernelState[];
  /** Without a `look`, the one that measures best. */
  readonly Checker: new (
    kernel: string,
    pageSize: number,
    look?: NativeLook,
  ) => NativeChecker;
}

/** Which few bytes of a page are looked at before all of it is read; for benchmarks. Answers are the same. */
export type NativeLook = 'none' | 'front' | 'ends';

export interface NativeKernelState {
  readonly name: string;
  /** Absent if it can run here. */
  readonly lacks?: 'architecture' | 'feature';
  /** Which architecture it is for, or which feature the CPU lacks. */
  readonly what?: string;
}

/** One kernel for pages of one size. Keeps none of its arguments. @throws Error for an offset without a whole page. */
export interface NativeChecker {
  /** Writes 1 or 0 to the first `count` of `isZero`. */
  check(memory: Uint8Array, offsets: Float64Array, count: number, isZero: Uint8Array): void;
  /** Reads all bytes of the pages with the same loads, and decides nothing before a page's end. */
  read(memory: Uint8Array, offsets: Float64Array, count: number, isZero: Uint8Array): void;
}
