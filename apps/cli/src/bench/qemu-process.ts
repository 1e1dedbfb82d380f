import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '@multifd/core';
import { QmpClient } from '@multifd/qemu';

/** ms that a QEMU may take until its monitor answers, and for each answer. */
const PATIENCE = 30_000;
/** What a QEMU says last on stderr is kept: this many characters. */
const LAST_WORDS = 2000;
let started = 0;

/** A QEMU whose processors do not run: it has RAM, a ROM that nobody executes, and nothing else. */
export interface QemuProcess {
  readonly pid: number;
  readonly qmp: QmpClient;
  /** What it said last on stderr, as one line. */
  said(): string;
  /** Ends it, and waits until it is gone. */
  end(): Promise<void>;
}

/**
 * @param image a file that is its RAM, shared; undefined: memory of its own, untouched.
 * @param folder of this run, for its monitor.
 * @throws MultifdError `io` with what it said, if it does not start.
 */
export async function startQemu(
  {
    binary,
    size,
    image,
    patience = PATIENCE,
  }: {
    readonly binary: string;
    readonly size: number;
    readonly image?: string | undefined;
    /** ms for each answer of its monitor, which is silent while QEMU reads a guest from a file. */
    readonly patience?: number;
  },
  folder: string,
  extra: readonly string[],
  signal: AbortSignal,
): Promise<QemuProcess> {
  const rom = join(folder, 'rom');
  if (!existsSync(rom)) writeFileSync(rom, Buffer.alloc(65536));
  const monitor = join(folder, `qmp-${++started}`);
  const backend =
    image === undefined
      ? `memory-backend-ram,id=pc.ram,size=${size},reserve=off`
      : `memory-backend-file,id=pc.ram,size=${size},mem-path=${escaped(image)},share=on`;
  const args = [
    ...['-machine', 'q35,accel=tcg,memory-backend=pc.ram', '-m', `${size / 2 ** 20}M`, '-object', backend],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-bios', rom, '-S'],
    ...['-qmp', `unix:${escaped(monitor)},server=on,wait=off`, ...extra],
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'], signal, killSignal: 'SIGKILL' });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-LAST_WORDS);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      stderr += error.message;
      resolve();
    });
    child.once('close', () => resolve());
  });
  const said = () => stderr.trim().split('\n').at(-1) ?? '';
  try {
    const qmp = await connect(monitor, child, patience, signal);
    const { pid } = child;
    if (pid === undefined) throw new MultifdError('io', 'it has no process id');
    return {
      pid,
      qmp,
      said,
      async end() {
        qmp.close();
        child.kill('SIGKILL');
        await ended;
      },
    };
  } catch (cause) {
    child.kill('SIGKILL');
    await ended;
    signal.throwIfAborted();
    const why = said() === '' ? (cause instanceof Error ? cause.message : String(cause)) : said();
    throw new MultifdError('io', `it did not start: ${why}`, { cause });
  }
}

/** In a list of QEMU's options. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}

async function connect(
  path: string,
  child: ChildProcess,
  timeout: number,
  signal: AbortSignal,
): Promise<QmpClient> {
  for (const deadline = performance.now() + PATIENCE; ; await delay(20, undefined, { signal })) {
    try {
      return await QmpClient.connect({ path }, { timeout });
    } catch (error) {
      const isOver = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
      if (isOver || performance.now() > deadline) throw error;
    }
  }
}
