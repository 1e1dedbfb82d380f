import type { Description, KernelChoice, KernelName } from '../protocol.js';
import { NoDevice } from './dawn.js';
import type { Device } from './device.js';
import { GpuJsKernel } from './gpujs-kernel.js';
import type { GpuKernel } from './kernel.js';
import { selfTest } from './self-test.js';
import { WgslKernel } from './wgsl-kernel.js';

const OPEN: Readonly<Record<KernelName, (device: Device) => Promise<GpuKernel>>> = {
  wgsl: (device) => WgslKernel.open(device),
  gpujs: (device) => GpuJsKernel.open(device),
};

/** The kernels of one device, each opened when it is asked for, and tested before it is used. */
export class Kernels {
  readonly #device: Device;
  readonly #opened = new Map<KernelName, Promise<GpuKernel>>();
  readonly #chosen = new Map<KernelChoice, Promise<{ kernel: GpuKernel; description: Description }>>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** @throws NoDevice if that kernel cannot run here; of `best`, if none can. */
  async choose(choice: KernelChoice): Promise<{ kernel: GpuKernel; description: Description }> {
    const known = this.#chosen.get(choice);
    if (known !== undefined) return known;
    const chosen = choice === 'best' ? this.#fastest() : this.#named(choice);
    this.#chosen.set(choice, chosen);
    return chosen;
  }

  close(): void {
    for (const kernel of this.#opened.values()) void kernel.then((each) => each.close()).catch(() => {});
  }

  async #named(name: KernelName): Promise<{ kernel: GpuKernel; description: Description }> {
    const kernel = await this.#open(name);
    return { kernel, description: this.#describe(kernel, [], []) };
  }

  /** Both, one after the other, over the same memory. */
  async #fastest(): Promise<{ kernel: GpuKernel; description: Description }> {
    const able: { kernel: GpuKernel; bytesPerSecond: number }[] = [];
    const missing: { kernel: KernelName; reason: string }[] = [];
    const errors: unknown[] = [];
    for (const name of ['wgsl', 'gpujs'] as const) {
      try {
        const kernel = await this.#open(name);
        able.push({ kernel, bytesPerSecond: Math.round(await selfTest(kernel)) });
      } catch (error) {
        errors.push(error);
        missing.push({ kernel: name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    const [best] = able.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond);
    if (best === undefined) throw errors[0];
    const measured = able.map(({ kernel, bytesPerSecond }) => ({ kernel: kernel.name, bytesPerSecond }));
    return { kernel: best.kernel, description: this.#describe(best.kernel, measured, missing) };
  }

  #open(name: KernelName): Promise<GpuKernel> {
    const opening =
      this.#opened.get(name) ??
      OPEN[name](this.#device)
        .then(async (kernel) => {
          await selfTest(kernel, 0);
          return kernel;
        })
        .catch((cause: unknown) => {
          throw cannotRun(name, cause);
        });
    this.#opened.set(name, opening);
    return opening;
  }

  #describe(
    kernel: GpuKernel,
    measured: Description['measured'],
    missing: Description['missing'],
  ): Description {
    const { name, kind } = this.#device;
    return { kernel: kernel.name, device: name, adapter: kind, measured, missing };
  }
}

function cannotRun(name: KernelName, cause: unknown): NoDevice {
  const text = cause instanceof Error ? cause.message : String(cause);
  const isMissing = cause instanceof Error && Reflect.get(cause, 'code') === 'ERR_MODULE_NOT_FOUND';
  return isMissing
    ? new NoDevice(
        'the package gpu.js is not installed',
        'install it where multifd is: npm install gpu.js@2.24, with --global if multifd was installed so',
        { cause },
      )
    : new NoDevice(
        `kernel ${name}: ${text.split('\n')[0]}`,
        'ask for the other kernel, or for another accelerator',
        {
          cause,
        },
      );
}
