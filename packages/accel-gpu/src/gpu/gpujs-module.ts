import type { Device } from './device.js';

/** A program of gpu.js, as far as it is used here. */
export interface Program {
  /** Starts it; the arguments' content has been read when it returns. */
  run(...args: readonly unknown[]): unknown;
  /** Entries of the next run's answer. */
  setOutput(length: number): void;
  /** What gpu.js really made of it; known once it has run. */
  readonly kernel: unknown;
  destroy(): void;
}

export interface GpuJs {
  createProgram(source: string, settings: Readonly<Record<string, unknown>>): Program;
  /** An array of `height` rows, `width` long each. */
  grid(values: Uint32Array, width: number, height: number): unknown;
  /** Whether a program runs on WebGPU, and on this device. */
  runsOn(program: Program, device: Device): boolean;
  destroy(): void;
}

/**
 * Loads gpu.js and gives it the device: it would open one of its own otherwise.
 * @throws Error if the package is not there, or is not what is expected.
 */
export async function loadGpuJs(device: Device, limits: GPUSupportedLimits): Promise<GpuJs> {
  lendDevice(device, limits);
  const { GPU, WebGPUKernel, input } = await importGpuJs();
  const gpu: unknown = Reflect.construct(GPU, [{ mode: 'webgpu' }]);
  const create = method(gpu, 'createKernel');
  return {
    createProgram(source, settings) {
      const shortcut = create(source, settings);
      if (typeof shortcut !== 'function') throw new Error('gpu.js made no kernel');
      const setOutput = method(shortcut, 'setOutput');
      const destroy = method(shortcut, 'destroy');
      return {
        run: (...args) => Reflect.apply(shortcut, undefined, args),
        setOutput: (length) => void setOutput([length]),
        get kernel(): unknown {
          return Reflect.get(shortcut, 'kernel');
        },
        destroy: () => void destroy(),
      };
    },
    grid: (values, width, height) => Reflect.apply(input, undefined, [values, [width, height]]),
    runsOn({ kernel }, { device: ours }) {
      if (!(kernel instanceof WebGPUKernel)) return false;
      const context: unknown = Reflect.get(kernel, 'context');
      return isObject(context) && Reflect.get(context, 'device') === ours;
    },
    destroy: () => void method(gpu, 'destroy')(),
  };
}

/** gpu.js asks `navigator.gpu` for an adapter, and that for a device. */
function lendDevice({ device }: Device, limits: GPUSupportedLimits): void {
  const adapter = { limits, requestDevice: () => Promise.resolve(device) };
  const gpu = { requestAdapter: () => Promise.resolve(adapter) };
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
}

type Class = abstract new (...args: readonly never[]) => object;

async function importGpuJs(): Promise<{ GPU: Class; WebGPUKernel: Class; input: Callable }> {
  const loaded: unknown = await import('gpu.js');
  const exported: unknown = isObject(loaded) ? Reflect.get(loaded, 'default') : undefined;
  const [GPU, WebGPUKernel, input] = ['GPU', 'WebGPUKernel', 'input'].map((name): unknown =>
    isObject(exported) ? Reflect.get(exported, name) : undefined,
  );
  if (!isClass(GPU) || !isClass(WebGPUKernel) || !isCallable(input)) {
    throw new Error('gpu.js has no WebGPU: it must be 2.24 or later');
  }
  return { GPU, WebGPUKernel, input };
}

type Callable = (...args: readonly unknown[]) => unknown;

function method(object: unknown, name: string): Callable {
  const found: unknown = isObject(object) ? Reflect.get(object, name) : undefined;
  if (!isCallable(found)) throw new Error(`gpu.js has no ${name}: it must be 2.24 or later`);
  return (...args) => Reflect.apply(found, object, args);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}

function isClass(value: unknown): value is Class {
  return typeof value === 'function';
}
