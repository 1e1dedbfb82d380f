/** A machine as the migration engine needs it. */
import {
  allocateGuestRam,
  type DeviceSection,
  DirtyBitmap,
  type Guest,
  type GuestRamDescriptor,
  openRamBlockSync,
  type RamBlock,
  type ReceiveResult,
} from '@multifd/core';
import { Machine } from './machine.ts';

/** Both ends must have the same. */
export const MACHINE_TYPE = 'v86-0.5.462';
export const RAM_SIZE = 128 * 2 ** 20;
const PAGE_SIZE = 4096;
/** Bytes that are copied at a time. */
const PIECE = 2 ** 20;
/** The device state's sections: all of the emulator, and the line that the guest is writing (Latin-1). */
const STATE = { idstr: 'v86', instanceId: 0, versionId: 1 };
const LINE = { idstr: 'serial-line', instanceId: 0, versionId: 1 };

/**
 * The emulator's memory belongs to its own thread, so the engine's threads cannot read it, and nothing tells which pages the
 * guest has written. So there is a second copy in shared memory: `#follow` compares both and copies what differs. That finds
 * every write, since the guest stands still meanwhile: it runs in this thread.
 */
export class Vm {
  readonly machine: Machine;
  readonly #ram: GuestRamDescriptor;
  readonly #copy: RamBlock;
  readonly #dirty: DirtyBitmap;

  constructor(machine: Machine) {
    this.machine = machine;
    const ram = allocateGuestRam([{ name: 'pc.ram', length: RAM_SIZE }], PAGE_SIZE);
    const [block] = ram.blocks;
    const [dirty] = ram.dirty;
    if (block === undefined || dirty === undefined) throw new Error('there is no RAM');
    this.#ram = ram;
    this.#copy = openRamBlockSync(block);
    this.#dirty = new DirtyBitmap(dirty, RAM_SIZE / PAGE_SIZE);
  }

  /**
   * A machine that has arrived, standing still.
   * @param say hears its serial line.
   * @throws Error if this is no machine of ours.
   */
  static async arrived({ ram, deviceState }: ReceiveResult, say: (line: string) => void): Promise<Vm> {
    const [block, ...others] = ram.blocks;
    const [state, line, ...more] = deviceState ?? [];
    if (
      block?.length !== RAM_SIZE ||
      others.length > 0 ||
      !isOf(state, STATE) ||
      !isOf(line, LINE) ||
      more.length > 0
    )
      throw new Error('not a machine of this VMM');
    const machine = await Machine.create(RAM_SIZE, say);
    await machine.load(state.body);
    copyInto(machine, openRamBlockSync(block));
    machine.unfinishedLine = Buffer.from(line.body).toString('latin1');
    return new Vm(machine);
  }

  /** What `migrate` needs. It may be called again after a failure. */
  get guest(): Guest {
    this.#follow();
    return {
      ram: this.#ram,
      machineType: MACHINE_TYPE,
      syncDirty: () => this.#follow(),
      stop: async () => {
        await this.machine.stop();
        // What was written between the last look and the stop.
        this.#follow();
      },
      resume: () => this.machine.run(),
      deviceState: async (when) => (when === 'stopped' ? await this.#deviceState() : []),
    };
  }

  /** Pages that differ from the copy are dirty; the copy is written first. */
  #follow(): void {
    const { ram } = this.machine;
    const scratch = new Uint8Array(PAGE_SIZE);
    for (let page = 0; page < this.#dirty.pages; page++) {
      const now = ram.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      if (Buffer.compare(now, this.#copy.read(page * PAGE_SIZE, PAGE_SIZE, scratch)) === 0) continue;
      this.#copy.write(page * PAGE_SIZE, now);
      this.#dirty.mark(page);
    }
  }

  async #deviceState(): Promise<DeviceSection[]> {
    const line = Buffer.from(this.machine.unfinishedLine, 'latin1');
    return [
      { ...STATE, body: await this.#devices() },
      { ...LINE, body: line },
    ];
  }

  /** v86 saves the RAM along, of which zeros take no room: the copy has it meanwhile. The machine stands still. */
  async #devices(): Promise<Uint8Array> {
    this.machine.writeRam(new Uint8Array(RAM_SIZE), 0);
    try {
      return await this.machine.save();
    } finally {
      copyInto(this.machine, this.#copy);
    }
  }
}

function isOf(
  section: DeviceSection | undefined,
  { idstr, versionId }: typeof STATE,
): section is DeviceSection {
  return section?.idstr === idstr && section.versionId === versionId;
}

function copyInto(machine: Machine, from: RamBlock): void {
  const scratch = new Uint8Array(PIECE);
  for (let at = 0; at < RAM_SIZE; at += PIECE) machine.writeRam(from.read(at, PIECE, scratch), at);
}
