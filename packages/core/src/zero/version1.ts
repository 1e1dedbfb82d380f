import type { MessagePort } from 'node:worker_threads';
import type { Accelerator, AcceleratorCapabilities, Probe, SharedDevice } from './accelerator.js';
import type { Detector, DetectorOptions } from './detector.js';

/** An accelerator of contract version 1: it has no settings, and says nothing after opening. */
export interface AcceleratorV1 {
  readonly specVersion: 1;
  readonly name: string;
  readonly capabilities: AcceleratorCapabilities;
  probe(): Probe | Promise<Probe>;
  open(options: DetectorOptionsV1): DetectorV1 | Promise<DetectorV1>;
  share?(): SharedDevice | Promise<SharedDevice>;
  residentRate?(passes: number): number | Promise<number>;
}

export interface DetectorOptionsV1 {
  readonly pageSize: number;
  readonly line?: MessagePort;
}

export type DetectorV1 = Pick<Detector, 'detect' | 'close'>;

/** The accelerator itself, or one of version 1 as one of this version. */
export function currentAccelerator(accelerator: Accelerator | AcceleratorV1): Accelerator {
  return accelerator.specVersion === 1 ? new OfVersion1(accelerator) : accelerator;
}

/** Whether an accelerator was written for version 1, which has no settings. */
export function isOfVersion1(accelerator: Accelerator): boolean {
  return accelerator instanceof OfVersion1;
}

/** Calls an accelerator of version 1 exactly as that version says. */
class OfVersion1 implements Accelerator {
  readonly specVersion = 2;
  readonly name: string;
  readonly capabilities: AcceleratorCapabilities;
  readonly share?: () => SharedDevice | Promise<SharedDevice>;
  readonly residentRate?: (passes: number) => number | Promise<number>;
  readonly #inner: AcceleratorV1;

  constructor(inner: AcceleratorV1) {
    this.#inner = inner;
    this.name = inner.name;
    this.capabilities = inner.capabilities;
    // The contract says of both that they may be missing, which says something of the device.
    const share = inner.share?.bind(inner);
    if (share !== undefined) this.share = () => share();
    const residentRate = inner.residentRate?.bind(inner);
    if (residentRate !== undefined) this.residentRate = (passes) => residentRate(passes);
  }

  probe(): Probe | Promise<Probe> {
    return this.#inner.probe();
  }

  async open({ pageSize, line }: DetectorOptions): Promise<Detector> {
    const detector: unknown = await this.#inner.open(line === undefined ? { pageSize } : { pageSize, line });
    if (!isDetectorV1(detector)) throw new Error('what it gave has no detect and close');
    // Its other members are its own, whatever they are called.
    return {
      detect: (batch, isZero) => detector.detect(batch, isZero),
      close: () => detector.close(),
    };
  }
}

export function isDetectorV1(value: unknown): value is DetectorV1 {
  if (typeof value !== 'object' || value === null) return false;
  return ['detect', 'close'].every((name) => typeof Reflect.get(value, name) === 'function');
}
