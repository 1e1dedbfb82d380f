/** The part of the WebAssembly API that guest memory needs: Node has it, its type package does not. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }
}
