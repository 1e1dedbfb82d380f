/** The addon's interface: what `crates/binding` exports. */
export interface NativeBinding {
  /** Every kernel that some CPU has, widest first. */
  kernels(): NativeKernelState[];
  readonly Checker: new (kernel: string, pageSize: number) => NativeChecker;
}

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
