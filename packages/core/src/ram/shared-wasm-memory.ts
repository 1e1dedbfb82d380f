/** A shared `WebAssembly.Memory`. It can be posted to other threads; its `buffer` alone does not lead back to it. */
export interface SharedWasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}
