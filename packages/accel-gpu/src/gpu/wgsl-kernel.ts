import { gather, isScattered, run } from '../gather.js';
import { SLOT_BYTES } from '../protocol.js';
import type { Device } from './device.js';
import type { GpuKernel, Upload } from './kernel.js';
import { takesSharedMemory } from './shared-memory.js';
import { Slots } from './slots.js';
import { LANES, PROOF_WORDS, WORKGROUP, ZERO_PAGES } from './zero-pages.js';

/** Batches on the device: one in transfer, one at work, one on the way back, and one to spare. */
const SLOTS = 4;

const TAKES_SHARED_MEMORY = takesSharedMemory(process.versions.node);

const MOST_PAGES = SLOT_BYTES / 4096;
const ANSWER_BYTES = (PROOF_WORDS + MOST_PAGES / 32) * 4;

// Pinned by the WebGPU specification; Dawn has them as globals only if it is asked to.
const MAP_READ = 0x0001;
const COPY_SRC = 0x0004;
const COPY_DST = 0x0008;
const UNIFORM = 0x0040;
const STORAGE = 0x0080;
const MAP_MODE_READ = 0x0001;

/** Device memory of one batch, used again and again. */
interface Slot {
  readonly memory: GPUBuffer;
  readonly batch: GPUBuffer;
  readonly answer: GPUBuffer;
  readonly readback: GPUBuffer;
  readonly binding: GPUBindGroup;
}

/** The check in WGSL. Pages go straight from guest memory into Dawn's transfer memory, unless they lie scattered, or this Node cannot do that. */
export class WgslKernel implements GpuKernel {
  readonly name = 'wgsl';
  readonly slots = SLOTS;
  readonly #device: Device;
  readonly #pipeline: GPUComputePipeline;
  readonly #slots: Slots<Slot>;
  readonly #all: readonly Slot[];
  readonly #batch = new Uint32Array(4);
  #gathered = new Uint8Array(0);
  #number = 0;

  private constructor(device: Device, pipeline: GPUComputePipeline) {
    this.#device = device;
    this.#pipeline = pipeline;
    this.#all = Array.from({ length: SLOTS }, () => makeSlot(device.device, pipeline));
    this.#slots = new Slots(this.#all);
  }

  /** @throws Error if the device does not take the program. */
  static async open(device: Device): Promise<WgslKernel> {
    const module = device.device.createShaderModule({ code: ZERO_PAGES });
    const pipeline = await device.device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    return new WgslKernel(device, pipeline);
  }

  async check(upload: Upload): Promise<Uint32Array<ArrayBuffer>> {
    return this.#slots.use((slot) =>
      this.#device.whole(async () => {
        this.#send(upload, slot.memory);
        return this.#look(slot, upload.count, upload.pageSize);
      }),
    );
  }

  async resident(passes: number): Promise<number> {
    return this.#slots.use((slot) =>
      this.#device.whole(async () => {
        this.#device.device.queue.writeBuffer(slot.memory, 0, new Uint8Array(SLOT_BYTES));
        await this.#look(slot, MOST_PAGES, 4096);
        const began = performance.now();
        await this.#look(slot, MOST_PAGES, 4096, passes);
        return (SLOT_BYTES * passes * 1000) / (performance.now() - began);
      }),
    );
  }

  close(): void {
    for (const { memory, batch, answer, readback } of this.#all) {
      for (const buffer of [memory, batch, answer, readback]) buffer.destroy();
    }
  }

  /** Reads the pages: when it returns, guest memory is not needed any more. */
  #send(upload: Upload, target: GPUBuffer): void {
    const { queue } = this.#device.device;
    const { memory, runs, pageSize, count } = upload;
    if (isScattered(upload) || !TAKES_SHARED_MEMORY) {
      if (this.#gathered.length === 0) this.#gathered = new Uint8Array(SLOT_BYTES);
      gather(upload, this.#gathered);
      queue.writeBuffer(target, 0, this.#gathered, 0, count * pageSize);
      return;
    }
    let at = 0;
    for (let index = 0; index < runs.length; index += 2) {
      const start = runs[index] ?? 0;
      const bytes = (runs[index + 1] ?? 0) * pageSize;
      queue.writeBuffer(target, at, run(memory, start, bytes));
      at += bytes;
    }
  }

  /** @param passes how often each page is looked at. */
  async #look(slot: Slot, pages: number, pageSize: number, passes = 1): Promise<Uint32Array<ArrayBuffer>> {
    const { device } = this.#device;
    const number = this.#nextNumber();
    this.#batch.set([number, pages, pageSize / 16, 0]);
    device.queue.writeBuffer(slot.batch, 0, this.#batch);
    const bytes = (PROOF_WORDS + Math.ceil(pages / 32)) * 4;
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(slot.answer);
    for (let pass = 0; pass < passes; pass++) {
      const compute = encoder.beginComputePass();
      compute.setPipeline(this.#pipeline);
      compute.setBindGroup(0, slot.binding);
      compute.dispatchWorkgroups(Math.ceil((pages * LANES) / WORKGROUP));
      compute.end();
    }
    encoder.copyBufferToBuffer(slot.answer, 0, slot.readback, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await slot.readback.mapAsync(MAP_MODE_READ, 0, bytes);
    const answer = new Uint32Array(slot.readback.getMappedRange(0, bytes).slice(0));
    slot.readback.unmap();
    checkProof(answer, number, pages * passes);
    return answer.slice(PROOF_WORDS);
  }

  /** Never 0, which is what an answer holds before anybody has looked. */
  #nextNumber(): number {
    this.#number = (this.#number % 0xffff_fffe) + 1;
    return this.#number;
  }
}

/** @throws Error unless the device has looked at every page of this very batch. */
function checkProof(answer: Uint32Array, number: number, looks: number): void {
  if (answer[0] === number && answer[1] === looks) return;
  const [gotNumber, gotLooks] = answer;
  throw new Error(
    `the device did not do its work: of batch ${number} with ${looks} pages came back batch ${gotNumber} with ${gotLooks}`,
  );
}

function makeSlot(device: GPUDevice, pipeline: GPUComputePipeline): Slot {
  const memory = device.createBuffer({ size: SLOT_BYTES, usage: STORAGE | COPY_DST });
  const batch = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
  const answer = device.createBuffer({ size: ANSWER_BYTES, usage: STORAGE | COPY_SRC | COPY_DST });
  const readback = device.createBuffer({ size: ANSWER_BYTES, usage: MAP_READ | COPY_DST });
  const binding = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer: batch } },
      { binding: 1, resource: { buffer: memory } },
      { binding: 2, resource: { buffer: answer } },
    ],
  });
  return { memory, batch, answer, readback, binding };
}
