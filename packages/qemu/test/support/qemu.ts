import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diesWithUs } from '@multifd/testing/dies-with-us';
import { QmpClient } from '../../src/qmp/client.js';
import { queryStatus } from '../../src/qmp/commands.js';
import { findQemu, type QemuRelease, type QemuTarget } from './binaries.js';
import { bootRom } from './boot-code.js';

export interface QemuSettings {
  readonly release: QemuRelease;
  /** Default `x86_64`. Others have no guest of ours in them: they are paused. */
  readonly target?: QemuTarget;
  /** `pc`, `q35`, or a versioned name such as `pc-q35-7.2`. */
  readonly machine: string;
  /** Folder of this test; it holds sockets, the serial port's output and RAM. */
  readonly folder: string;
  /** Tells this QEMU from others in the same folder. */
  readonly name: string;
  /**
   * RAM blocks, each a shared file in `folder`, which is made if it is not there and otherwise kept as it is.
   * One block is `pc.ram`; several are NUMA nodes of those names.
   */
  readonly ram: readonly RamFile[];
  /** Whether the processors run from the start. Default false (`-S`). */
  readonly running?: boolean;
  /** Adds `-incoming defer`. */
  readonly incoming?: boolean;
  readonly extra?: readonly string[];
}

export interface RamFile {
  readonly name: string;
  /** Bytes, a multiple of 1 MiB. */
  readonly size: number;
  readonly path: string;
  /** No file at all: memory that takes no space until it is written to. `path` is not used. */
  readonly anonymous?: boolean;
}

/** ms that QEMU may take until its monitor answers. */
const START_TIMEOUT = 30_000;

/** A QEMU under TCG, with our guest as its BIOS and nothing else in it. */
export class Qemu {
  readonly qmp: QmpClient;
  readonly serialPath: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #logPath: string;

  private constructor(
    process: ChildProcess,
    exited: Promise<number | null>,
    qmp: QmpClient,
    serialPath: string,
    logPath: string,
  ) {
    this.#process = process;
    this.#exited = exited;
    this.qmp = qmp;
    this.serialPath = serialPath;
    this.#logPath = logPath;
  }

  static async start(settings: QemuSettings): Promise<Qemu> {
    const { target = 'x86_64' } = settings;
    const binary = findQemu(settings.release, target);
    if (binary === undefined) throw new Error(`QEMU ${settings.release} (${target}) is not installed`);
    const at = (suffix: string): string => join(settings.folder, `${settings.name}.${suffix}`);
    const rom = join(settings.folder, 'boot.rom');
    if (!existsSync(rom)) writeFileSync(rom, bootRom());
    const log = openSync(at('log'), 'w');
    const [file, args] = diesWithUs(binary, commandLine(settings, rom, at));
    const child = spawn(file, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    try {
      const qmp = await connectMonitor(at('qmp'), exited);
      return new Qemu(child, exited, qmp, at('serial'), at('log'));
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`QEMU ${settings.release} did not start: ${readFileSync(at('log'), 'utf8').trim()}`, {
        cause: error,
      });
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What the guest has said on its serial port: whole lines, as numbers. */
  lines(): number[] {
    if (!existsSync(this.serialPath)) return [];
    return readFileSync(this.serialPath, 'latin1')
      .split('\n')
      .slice(0, -1)
      .map((line) => Number.parseInt(line, 16));
  }

  /** All that the serial port has put out, whole lines or not. */
  serial(): string {
    return existsSync(this.serialPath) ? readFileSync(this.serialPath, 'latin1') : '';
  }

  /** QEMU's own messages. */
  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  async isRunning(): Promise<boolean> {
    return (await queryStatus(this.qmp)).running;
  }

  /** The exit code, once QEMU has ended by itself; undefined if it has not within `timeout` ms. */
  async exit(timeout: number): Promise<number | null | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeout);
    });
    try {
      return await Promise.race([this.#exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends this process, hard. May be called twice. */
  async kill(): Promise<void> {
    this.qmp.close();
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function commandLine(settings: QemuSettings, rom: string, at: (suffix: string) => string): string[] {
  const { machine, target = 'x86_64', ram, running = false, incoming = false, extra = [] } = settings;
  const firmware = target === 'x86_64' ? ['-bios', rom] : [];
  const total = ram.reduce((sum, { size }) => sum + size, 0);
  const single = ram.length === 1 ? `,memory-backend=${ram[0]?.name}` : '';
  const nodes = ram.length === 1 ? [] : ram.flatMap(({ name }) => ['-numa', `node,memdev=${name}`]);
  return [
    ...['-machine', `${machine},accel=tcg${single}`, '-m', `${total / 2 ** 20}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', ...firmware],
    ...ram.flatMap((block) => ['-object', backend(block)]),
    ...nodes,
    ...['-chardev', `file,id=serial,path=${at('serial')}`, '-serial', 'chardev:serial'],
    ...['-qmp', `unix:${at('qmp')},server=on,wait=off`],
    ...(running ? [] : ['-S']),
    ...(incoming ? ['-incoming', 'defer'] : []),
    ...extra,
  ];
}

function backend({ name, size, path, anonymous = false }: RamFile): string {
  return anonymous
    ? `memory-backend-ram,id=${name},size=${size},reserve=off`
    : `memory-backend-file,id=${name},size=${size},mem-path=${path},share=on`;
}

async function connectMonitor(path: string, exited: Promise<number | null>): Promise<QmpClient> {
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  const deadline = performance.now() + START_TIMEOUT;
  for (;;) {
    try {
      return await QmpClient.connect({ path }, { timeout: START_TIMEOUT });
    } catch (error) {
      if (gone || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
