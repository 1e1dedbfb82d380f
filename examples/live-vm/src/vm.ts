/** A virtual machine: RAM, one vCPU, and what the migration engine asks of it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  allocateGuestRam,
  DirtyBitmap,
  type Guest,
  type GuestRamDescriptor,
  type MemoryBlockDescriptor,
  openRamBlockSync,
  type ReceiveResult,
  withDirtyBitmaps,
} from '@multifd/core';
import { type Devices, loadDevices, saveDevices } from './devices.ts';
import { differences, PAGE_SIZE } from './program.ts';
import { ENDED, RUNNING, STATE, STEPS, STOPPED, STOPPING, type VcpuSetup } from './vcpu.ts';

export class Vm {
  readonly #ram: GuestRamDescriptor & { readonly dirty: readonly SharedArrayBuffer[] };
  readonly #block: MemoryBlockDescriptor;
  readonly #dirty: DirtyBitmap;
  /** The pages that the vCPU has written since the last look, as KVM's dirty log has them. */
  readonly #log: DirtyBitmap;
  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  readonly #vcpu: Worker;
  #time: number;
  #runningSince = 0;

  private constructor(ram: GuestRamDescriptor, { steps, time }: Devices) {
    const [block] = ram.blocks;
    if (block?.kind !== 'memory') throw new Error('this VMM has guest RAM in its own memory');
    // RAM that `receive` has made has no bitmaps yet.
    this.#ram = ram.dirty === undefined ? withDirtyBitmaps(ram) : { ...ram, dirty: ram.dirty };
    this.#block = block;
    const pages = block.length / PAGE_SIZE;
    this.#dirty = new DirtyBitmap(this.#ram.dirty[0] ?? new SharedArrayBuffer(0), pages);
    this.#log = DirtyBitmap.allocate(pages);
    this.#time = time;
    this.#control[STATE] = STOPPED;
    this.#control[STEPS] = steps;
    const setup: VcpuSetup = { ram: block, log: this.#log.buffer, control: this.#control };
    this.#vcpu = new Worker(new URL('./vcpu.ts', import.meta.url), { workerData: setup });
  }

  /** A new machine, stopped. @param size bytes of RAM. */
  static create(size: number): Vm {
    return new Vm(allocateGuestRam([{ name: 'vm.ram', length: size }], PAGE_SIZE), { steps: 0, time: 0 });
  }

  /** A machine that has arrived, stopped. @throws Error if this VMM cannot run it. */
  static arrived({ ram, deviceState }: Pick<ReceiveResult, 'ram' | 'deviceState'>): Vm {
    if (deviceState === undefined) throw new Error('the stream does not describe its devices');
    return new Vm(ram, loadDevices(deviceState));
  }

  get devices(): Devices {
    const running = this.isRunning ? performance.now() - this.#runningSince : 0;
    return { steps: Atomics.load(this.#control, STEPS), time: this.#time + running };
  }

  get isRunning(): boolean {
    return this.#runningSince !== 0;
  }

  run(): void {
    this.#runningSince = performance.now();
    this.#set(RUNNING);
  }

  /** Resolves when nothing writes any more. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#set(STOPPING);
    await Atomics.waitAsync(this.#control, STATE, STOPPING).value;
    this.#time = this.devices.time;
    this.#runningSince = 0;
  }

  /** What `migrate` needs. It may be called again after a failure. */
  get guest(): Guest {
    return {
      ram: this.#ram,
      machineType: 'live-vm-1',
      syncDirty: () => this.#mergeLog(),
      stop: async () => {
        await this.stop();
        // What was written between the last look and the stop.
        this.#mergeLog();
      },
      resume: () => this.run(),
      deviceState: (when) => (when === 'stopped' ? saveDevices(this.devices) : []),
    };
  }

  /** Compares all memory with what the program must have left there. The machine must be stopped. */
  differences(): number[] {
    const block = openRamBlockSync(this.#block);
    const scratch = new Uint8Array(PAGE_SIZE);
    return differences(
      (page) => block.read(page * PAGE_SIZE, PAGE_SIZE, scratch),
      this.#dirty.pages,
      this.devices.steps,
    );
  }

  /** Ends the vCPU's thread: the machine is gone, or runs elsewhere. */
  async close(): Promise<void> {
    const exited = once(this.#vcpu, 'exit');
    this.#set(ENDED);
    await exited;
  }

  /** Takes each bit from the log before the engine reads its page: a write after that sets it again. */
  #mergeLog(): void {
    for (let word = 0; word < this.#log.words.length; word++) {
      const bits = this.#log.takeWord(word);
      if (bits !== 0) Atomics.or(this.#dirty.words, word, bits);
    }
  }

  #set(state: number): void {
    Atomics.store(this.#control, STATE, state);
    Atomics.notify(this.#control, STATE);
  }
}
