import { gather } from '../gather.js';
import type { Device } from './device.js';
import { type GpuJs, loadGpuJs, type Program } from './gpujs-module.js';
import { LOOK, PACK, PAGES_PER_NUMBER } from './gpujs-programs.js';
import type { GpuKernel, Upload } from './kernel.js';
import { Slots } from './slots.js';

/** One reads, one is at work: gpu.js has one piece of device memory for all. */
const SLOTS = 2;

/** Bytes that gpu.js gets in one piece. It makes a fresh array of as many for each run: small ones stay in the cache. */
const PIECE_BYTES = 4 * 2 ** 20;

/** Both programs, for pages of one size. */
interface Programs {
  readonly look: Program;
  readonly pack: Program;
}

/** The check in gpu.js, on the same device as the other one. */
export class GpuJsKernel implements GpuKernel {
  readonly name = 'gpujs';
  readonly slots = SLOTS;
  readonly #device: Device;
  readonly #gpuJs: GpuJs;
  readonly #programs = new Map<number, Promise<Programs>>();
  readonly #slots = new Slots(Array.from({ length: SLOTS }, (_, index) => index));
  /** Of one piece of work at a time: gpu.js keeps a program's last result in one place. */
  readonly #turn = new Slots([0]);
  readonly #gathered = new Uint8Array(PIECE_BYTES);
  #number = 0;

  private constructor(device: Device, gpuJs: GpuJs) {
    this.#device = device;
    this.#gpuJs = gpuJs;
  }

  /** @throws Error if gpu.js is not there, or would run it anywhere but on `device`. */
  static async open(device: Device): Promise<GpuJsKernel> {
    const kernel = new GpuJsKernel(device, await loadGpuJs(device, device.device.limits));
    const memory = new Uint8Array(new SharedArrayBuffer(4096));
    await kernel.check({ pageSize: 4096, count: 1, memory, runs: Float64Array.of(0, 1) });
    return kernel;
  }

  async check(upload: Upload): Promise<Uint32Array<ArrayBuffer>> {
    return this.#slots.use(() =>
      this.#device.whole(async () => {
        const used = new Uint32Array(Math.ceil(upload.count / 32));
        let first = 0;
        for (const piece of pieces(upload)) {
          await this.#checkPiece(piece, first, used);
          first += piece.count;
        }
        return used;
      }),
    );
  }

  /** The same memory is looked at again and again; only the last answer is read back. */
  async resident(passes: number): Promise<number> {
    return this.#device.whole(async () => {
      const pages = PIECE_BYTES / 4096;
      const { look } = await this.#programsFor(4096);
      const zeros = this.#gpuJs.createProgram('function zeros() { return 0; }', {
        output: [1024, pages],
        pipeline: true,
      });
      const memory: unknown = await zeros.run();
      const rate = await this.#turn.use(async () => {
        look.setOutput(pages + 1);
        await read(await look.run(memory, pages, 2));
        const began = performance.now();
        for (let pass = 1; pass < passes; pass++) release(await look.run(memory, pages, 2));
        await read(await look.run(memory, pages, 2));
        return (PIECE_BYTES * passes * 1000) / (performance.now() - began);
      });
      release(memory);
      zeros.destroy();
      return rate;
    });
  }

  close(): void {
    for (const programs of this.#programs.values()) {
      void programs
        .then(({ look, pack }) => {
          look.destroy();
          pack.destroy();
        })
        .catch(() => {});
    }
    this.#gpuJs.destroy();
  }

  async #checkPiece(piece: Upload, first: number, used: Uint32Array): Promise<void> {
    const { count, pageSize } = piece;
    const { look, pack } = await this.#programsFor(pageSize);
    const numbers = Math.ceil(count / PAGES_PER_NUMBER);
    // 1 to 2^24 - 1, exact in what gpu.js counts in; nothing that a page's answer can be.
    this.#number = (this.#number % 0xff_fffd) + 2;
    const number = this.#number;
    const { packed } = await this.#turn.use(async () => {
      gather(piece, this.#gathered);
      const words = new Uint32Array(this.#gathered.buffer, 0, (count * pageSize) / 4);
      look.setOutput(count + 1);
      const found: unknown = await look.run(this.#gpuJs.grid(words, pageSize / 4, count), count, number);
      pack.setOutput(numbers + 1);
      const answer: unknown = pack.run(found, count, numbers);
      release(found);
      // Not awaited: reading back what was packed need not keep others from their turn.
      return { packed: answer };
    });
    const bits: unknown = await packed;
    this.#checkPrograms(look, pack);
    if (!(bits instanceof Float32Array) || bits[numbers] !== number) {
      throw new Error('the device did not do its work: gpu.js gave no answer for this batch');
    }
    for (let page = 0; page < count; page++) {
      const value = bits[Math.floor(page / PAGES_PER_NUMBER)] ?? 0;
      const bit = (value >>> (page % PAGES_PER_NUMBER)) & 1;
      const at = first + page;
      used[at >>> 5] = (used[at >>> 5] ?? 0) | (bit << (at & 31));
    }
  }

  /** gpu.js takes the CPU without a word where it finds no GPU: what counts is what it has made. */
  #checkPrograms(...programs: readonly Program[]): void {
    if (programs.every((program) => this.#gpuJs.runsOn(program, this.#device))) return;
    throw new Error('gpu.js did not run on this device: it fell back to something else');
  }

  #programsFor(pageSize: number): Promise<Programs> {
    const programs = this.#programs.get(pageSize) ?? this.#build(pageSize);
    this.#programs.set(pageSize, programs);
    return programs;
  }

  /** gpu.js builds a program when it is run first. */
  async #build(pageSize: number): Promise<Programs> {
    const settings = { dynamicOutput: true, dynamicArguments: true, loopMaxIterations: pageSize / 4 };
    const look = this.#gpuJs.createProgram(LOOK, {
      ...settings,
      constants: { words: pageSize / 4 },
      output: [2],
      pipeline: true,
    });
    const pack = this.#gpuJs.createProgram(PACK, { ...settings, output: [2] });
    const page = this.#gpuJs.grid(new Uint32Array(pageSize / 4), pageSize / 4, 1);
    const found: unknown = await look.run(page, 1, 2);
    await pack.run(found, 1, 1);
    release(found);
    return { look, pack };
  }
}

/** An upload in pieces that gpu.js likes, of as many runs as fit. */
function* pieces({ pageSize, memory, runs }: Upload): Generator<Upload> {
  const most = PIECE_BYTES / pageSize;
  let some: number[] = [];
  let count = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const start = runs[index] ?? 0;
    const pages = runs[index + 1] ?? 0;
    for (let done = 0; done < pages; ) {
      const now = Math.min(most - count, pages - done);
      some.push(start + done * pageSize, now);
      count += now;
      done += now;
      if (count < most) continue;
      yield { pageSize, count, memory, runs: Float64Array.from(some) };
      some = [];
      count = 0;
    }
  }
  if (count > 0) yield { pageSize, count, memory, runs: Float64Array.from(some) };
}

/** Waits for a result that gpu.js has left on the device, and gives it up. */
async function read(result: unknown): Promise<void> {
  const toArray: unknown = result instanceof Object ? Reflect.get(result, 'toArray') : undefined;
  if (typeof toArray !== 'function') throw new Error('gpu.js left no result on the device');
  await Reflect.apply(toArray, result, []);
  release(result);
}

function release(result: unknown): void {
  const free: unknown = result instanceof Object ? Reflect.get(result, 'delete') : undefined;
  if (typeof free === 'function') Reflect.apply(free, result, []);
}
