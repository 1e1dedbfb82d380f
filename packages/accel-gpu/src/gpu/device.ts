import type { AdapterKind } from '../protocol.js';
import { keep, NoDevice, openAdapter } from './dawn.js';

/** One device, and what becomes of it. */
export class Device {
  readonly device: GPUDevice;
  /** As its driver calls it. */
  readonly name: string;
  readonly kind: AdapterKind;
  /** Fulfilled, with the reason in one line, when the device is gone. */
  readonly lost: Promise<string>;
  #lostReason: string | undefined;
  #fault: string | undefined;

  private constructor(device: GPUDevice, name: string, kind: AdapterKind) {
    this.device = device;
    this.name = name;
    this.kind = kind;
    this.lost = device.lost.then(({ reason, message }) => {
      const text = message.split('\n')[0]?.trim() || 'no message';
      this.#lostReason = `the device ${name} was lost (${reason}: ${text})`;
      return this.#lostReason;
    });
    device.addEventListener('uncapturederror', (event) => {
      this.#fault ??= `the device ${name} reported: ${event.error.message.split('\n')[0]}`;
    });
  }

  /** @throws NoDevice */
  static async open(kind: AdapterKind): Promise<Device> {
    const { adapter, name } = await openAdapter(kind);
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const device = await adapter
      .requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } })
      .catch((cause: unknown) => {
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new NoDevice(
          `${name} cannot be opened: ${text.split('\n')[0]}`,
          'see whether its driver is whole',
          {
            cause,
          },
        );
      });
    keep(device);
    return new Device(device, name, kind);
  }

  /** @throws Error once the device is gone or has reported an error: what it answers cannot be trusted then. */
  throwIfBroken(): void {
    const reason = this.#lostReason ?? this.#fault;
    if (reason !== undefined) throw new Error(reason);
  }

  /** Runs `work`; if it fails and the device is gone, that is the reason. @throws Error */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    this.throwIfBroken();
    try {
      const result = await work();
      this.throwIfBroken();
      return result;
    } catch (error) {
      // The loss itself is told a little later than the calls that fail of it.
      if (this.#lostReason === undefined) await Promise.race([this.lost, new Promise(setImmediate)]);
      this.throwIfBroken();
      throw error;
    }
  }

  /** Gives the device up: whatever is at work on it fails. */
  destroy(): void {
    this.device.destroy();
  }
}
