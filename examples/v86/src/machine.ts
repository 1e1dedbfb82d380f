/** A PC of the emulator v86, with no screen: RAM, a CPU, its devices, and a serial line. */
import { fileURLToPath } from 'node:url';
import { V86, type V86Image } from 'v86';

/** What a machine boots. A kernel of the multiboot kind needs no BIOS. */
export type Guest =
  | { readonly multiboot: Uint8Array }
  | {
      readonly bios: Uint8Array;
      readonly linux: Uint8Array;
      readonly initrd: Uint8Array;
      readonly cmdline: string;
    };

/** Bytes. */
const DISK_SIZE = 2 ** 16;

export class Machine {
  readonly #v86: V86;
  readonly #size: number;
  /** What the guest has written to its serial port since the last line's end. It moves with the machine, or that line is lost. */
  unfinishedLine = '';

  private constructor(v86: V86, size: number) {
    this.#v86 = v86;
    this.#size = size;
  }

  /**
   * A machine that stands still. Without a guest it waits for `load`.
   * @param size bytes of RAM, a power of two.
   * @param say hears each line that the guest writes to its first serial port.
   */
  static async create(size: number, say: (line: string) => void, guest?: Guest): Promise<Machine> {
    const v86 = new V86({
      wasm_path: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
      memory_size: size,
      vga_memory_size: 2 ** 20,
      // An empty disk: v86 0.5.462 cannot restore the IDE controller of a machine without one.
      hda: imageOf(new Uint8Array(DISK_SIZE)),
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      ...imagesOf(guest),
    });
    const machine = new Machine(v86, size);
    v86.add_listener('serial0-output-byte', (byte) => {
      const character = String.fromCharCode(byte);
      if (character === '\n') {
        say(machine.unfinishedLine);
        machine.unfinishedLine = '';
      } else if (character !== '\r') machine.unfinishedLine += character;
    });
    await new Promise<void>((resolve) => v86.add_listener('emulator-loaded', resolve));
    return machine;
  }

  get isRunning(): boolean {
    return this.#v86.is_running();
  }

  async run(): Promise<void> {
    await this.#v86.run();
  }

  /** Resolves when no instruction runs any more. */
  async stop(): Promise<void> {
    await this.#v86.stop();
  }

  /** All RAM as it is now: a view of the emulator's own memory, which no other thread can see. Valid until the next await. */
  get ram(): Uint8Array {
    return this.#v86.read_memory(0, this.#size);
  }

  writeRam(bytes: Uint8Array, at: number): void {
    this.#v86.write_memory(bytes, at);
  }

  /** The state of CPU and devices, with that of the RAM, which takes little room only where RAM is zero. */
  async save(): Promise<Uint8Array> {
    return new Uint8Array(await this.#v86.save_state());
  }

  /** @param state of `save`, by the same version of v86 and of a machine of the same size. */
  async load(state: Uint8Array): Promise<void> {
    // v86 takes the buffer whole.
    await this.#v86.restore_state(Uint8Array.from(state).buffer);
  }

  async close(): Promise<void> {
    await this.#v86.destroy();
  }
}

function imagesOf(guest: Guest | undefined) {
  if (guest === undefined) return {};
  if ('multiboot' in guest) return { multiboot: imageOf(guest.multiboot) };
  const { bios, linux, initrd, cmdline } = guest;
  return { bios: imageOf(bios), bzimage: imageOf(linux), initrd: imageOf(initrd), cmdline };
}

function imageOf(bytes: Uint8Array): V86Image {
  return { buffer: Uint8Array.from(bytes).buffer };
}
