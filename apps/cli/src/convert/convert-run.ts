import { fstatSync, statSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import type { VmcoreSummary } from '@multifd/qemu';
import { vmcore } from '../images/file-formats.js';
import { FileTarget } from '../images/file-target.js';
import { leftOvers } from '../images/left-over.js';
import { loadHoleSeeker } from '../images/seek.js';
import { startNodeThreads } from '../node-threads.js';
import type { ConvertSource } from '../options/convert-source.js';
import type { Target } from '../options/places.js';
import type { ConvertFacts } from '../report/convert-document.js';
import { formatBytes } from '../report/format.js';
import { bar } from '../report/progress.js';
import type { Terminal } from '../report/terminal.js';
import { openFileRam } from './file-ram.js';
import { leftOutNote } from './notes.js';
import { openRawRam } from './raw-ram.js';
import type { RestingRam } from './resting-ram.js';
import { openStoreRam } from './store-ram.js';

export interface ConvertSettings {
  readonly force?: true;
  readonly machineType?: string;
  readonly ram?: readonly string[];
}

/** One conversion, from the guest that is opened to the file that has its name. */
export class ConvertRun {
  readonly #settings: ConvertSettings;
  readonly #facts: ConvertFacts;
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  #target: FileTarget | undefined;

  constructor(settings: ConvertSettings, facts: ConvertFacts, terminal: Terminal, signal: AbortSignal) {
    this.#settings = settings;
    this.#facts = facts;
    this.#terminal = terminal;
    this.#signal = signal;
  }

  /** @throws MultifdError; then nothing is left of the file. */
  async run(source: ConvertSource, { path }: Extract<Target, { readonly kind: 'core' }>): Promise<void> {
    const started = performance.now();
    // The disk is waited for by Node's threads.
    startNodeThreads();
    loadHoleSeeker();
    const guest = await this.#open(source);
    try {
      this.#facts.machineType = guest.machineType;
      for (const line of guest.notes) this.#terminal.note(line);
      checkOther(guest, path);
      for (const line of leftOvers({ kind: 'core', path })) this.#terminal.note(line);
      let summary: VmcoreSummary | undefined;
      const format = vmcore(this.#settings.ram, (dumped) => {
        summary = dumped;
      });
      const target = await FileTarget.open(path, { replace: this.#settings.force === true, format });
      this.#target = target;
      process.once('exit', this.abandon);
      try {
        await this.#write(guest, target);
        for (const line of target.settle()) this.#terminal.note(line);
      } finally {
        process.off('exit', this.abandon);
        for (const line of target.discard()) this.#terminal.note(line);
      }
      this.#facts.summary = summary;
      this.#facts.totalTime = performance.now() - started;
      const { size, blocks } = statSync(path);
      this.#facts.file = { size, allocated: blocks * 512 };
      for (const block of summary?.leftOut ?? []) this.#terminal.note(leftOutNote(block));
    } finally {
      await guest.close();
    }
  }

  /** The process ends now: nothing of the file stays. */
  readonly abandon = (): void => this.#target?.abandon();

  async #open(source: ConvertSource): Promise<RestingRam> {
    const { machineType } = this.#settings;
    if (source.kind === 'raw')
      return openRawRam(source.path, machineType, (line) => this.#terminal.note(line));
    if (machineType !== undefined) {
      throw new MultifdError('usage', '--machine-type: what is stored says its machine type itself', {
        hint: 'leave it out: it is for RAM images (raw:)',
      });
    }
    const note = (line: string): void => this.#terminal.note(line);
    return source.kind === 'store' ? openStoreRam(source, note, this.#signal) : openFileRam(source.path);
  }

  async #write(guest: RestingRam, target: FileTarget): Promise<void> {
    const { pageSize, machineType, configuration, deviceState, rawDeviceState } = guest;
    const ram = { pageSize, blocks: target.openRam(guest.blocks, 0, machineType).blocks };
    const total = guest.blocks.reduce((sum, { length }) => sum + length, 0);
    await guest.copy(ram, this.#signal, (share) =>
      this.#terminal.progress(`${bar(share)} of ${formatBytes(total)}`),
    );
    await guest.check();
    this.#signal.throwIfAborted();
    this.#terminal.progress('waiting for the disk');
    await target.keep({
      guest: 'source',
      machineType,
      configuration,
      ram,
      receivedPages: [],
      deviceState,
      rawDeviceState,
    });
    this.#signal.throwIfAborted();
  }
}

/** Not even with --force is a guest replaced by its own dump, which nothing can resume. */
function checkOther(guest: RestingRam, path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  const isSource = guest.fds.some((fd) => {
    const { dev, ino } = fstatSync(fd);
    return there?.dev === dev && there.ino === ino;
  });
  if (!isSource) return;
  throw new MultifdError('usage', `core:${path}: that is the guest itself`, { hint: 'name another file' });
}
