/** A shared `WebAssembly.Memory`. Can be posted to other threads; it cannot be recovered from its `buffer` alone. */
export interface SharedWasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}
