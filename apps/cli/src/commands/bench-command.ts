import { checkLimits, MultifdError, NO_THREADS, startThreadPool, threadsOf } from '@multifd/core';
import { probe } from '@multifd/host-linux';
import { PLAIN_COPY, PLAIN_READ } from '../bench/ceilings.js';
import { multifdToQemu, qemuToMultifd } from '../bench/cross.js';
import { type Environment, environment } from '../bench/environment.js';
import { figure, MIB } from '../bench/figures.js';
import { BenchFolder } from '../bench/images.js';
import { multifdToMultifd } from '../bench/ours.js';
import { qemuToQemu } from '../bench/peer.js';
import { findPeers, type Peer, USUAL_PEER } from '../bench/peers.js';
import { prepareReport, writeReport } from '../bench/report-file.js';
import { nameOf, type Row, rowsOf } from '../bench/rows.js';
import { type Listener, measureRows, type Turn } from '../bench/run.js';
import type { Contender, Series } from '../bench/sample.js';
import {
  prepareSamples,
  readSamples,
  type Samples,
  samplesToKeep,
  withSeries,
  writeSamples,
} from '../bench/samples-file.js';
import { benchText } from '../bench/tables.js';
import { makeBenchCredentials } from '../bench/tls.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { listenForInterrupt } from '../interrupt.js';
import {
  type BenchOptions,
  DEFAULT_CHANNELS,
  DEFAULT_RUNS,
  DEFAULT_SCENARIOS,
  DEFAULT_SIZE,
} from '../options/bench-options.js';
import { benchDocument } from '../report/bench-document.js';
import { formatError } from '../report/errors.js';
import { openTerminal, type Terminal } from '../report/terminal.js';

/** Worker threads of a migration's process that are no channel's: main's, and those that fill or write the guest. */
const THREADS_BESIDE = 3;

/** `multifd bench`: guests from a multifd to a multifd and from a QEMU to a QEMU, measured in turns. */
export async function benchCommand(options: BenchOptions): Promise<ExitCode> {
  const terminal = await openTerminal();
  const interrupt = listenForInterrupt();
  let samples: Samples | undefined;
  /** The file that has all of them. */
  let kept = options.from;
  let error: unknown;
  try {
    if (options.report !== undefined) prepareReport(options.report);
    if (options.from === undefined) {
      await new BenchRun(options, terminal, interrupt.signal, (taken, file) => {
        samples = taken;
        kept = file;
      }).run();
    } else {
      refuseBeside(options);
      samples = readSamples(options.from);
    }
    error = failureOf(samples?.series ?? []);
  } catch (caught) {
    error = caught;
  } finally {
    terminal.clear();
  }
  const unwritten =
    options.report === undefined || samples === undefined
      ? undefined
      : writeReport(options.report, samples, kept);
  // Of two errors the first decides; people hear of both.
  const later = error === undefined ? undefined : unwritten;
  error ??= unwritten;
  const code = error === undefined ? EXIT.done : exitCodeOf(error);
  interrupt.release(code);
  if (options.json) process.stdout.write(`${JSON.stringify(benchDocument(samples, error), null, 2)}\n`);
  else if (samples !== undefined) process.stdout.write(benchText(samples));
  if (error !== undefined) process.stderr.write(formatError(error));
  if (later !== undefined) process.stderr.write(formatError(later));
  return code;
}

/** With `--from` nothing is measured. @throws MultifdError `usage` */
function refuseBeside(options: BenchOptions): void {
  // The last two have a value in any case.
  const {
    from: _from,
    json: _json,
    report: _report,
    accel: _accel,
    ceilings: _ceilings,
    ...others
  } = options;
  const [name] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  const option = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new MultifdError('usage', `--from measures nothing: --${option} has no meaning beside it`, {
    hint: 'omit one of the two',
  });
}

/** @returns undefined if every contender has all its samples. */
function failureOf(series: readonly Series[]): MultifdError | undefined {
  const failed = series.filter((each) => each.failed !== undefined);
  const [first] = failed;
  if (first === undefined) return undefined;
  const more = failed.length === 1 ? '' : `, and ${failed.length - 1} more failed`;
  return new MultifdError('io', `${nameOf(first.row)}: ${first.contender} failed: ${first.failed}${more}`);
}

class BenchRun {
  readonly #options: BenchOptions;
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #taken: (samples: Samples, kept?: string) => void;

  /** @param taken is told all samples so far, after each row, and again with the file that has all of them. */
  constructor(
    options: BenchOptions,
    terminal: Terminal,
    signal: AbortSignal,
    taken: (samples: Samples, kept?: string) => void,
  ) {
    this.#options = options;
    this.#terminal = terminal;
    this.#signal = signal;
    this.#taken = taken;
  }

  async run(): Promise<void> {
    if (process.platform !== 'linux') {
      throw new MultifdError(
        'host-unavailable',
        'multifd bench needs Linux: it reads in /proc what others use',
        {
          hint: 'multifd migrate --json measures one migration, anywhere',
        },
      );
    }
    const rows = this.#rows();
    const channels = Math.max(...rows.map((row) => row.channels));
    const threads = threadsOf(channels, THREADS_BESIDE, this.#options.tls !== true);
    // A source and a destination, each a process: without threads they would end or stand still without a word.
    checkLimits(NO_THREADS, [threads, threads]);
    startThreadPool();
    const { samples: file, runs = DEFAULT_RUNS, images } = this.#options;
    const where = environment();
    const before = file === undefined ? undefined : samplesToKeep(file, where);
    if (file !== undefined) prepareSamples(file);
    const peers = findPeers(this.#options.peer?.[0] === 'none' ? [] : this.#options.peer);
    if (peers.length === 0 && this.#options.peer === undefined) {
      this.#terminal.note(`no ${USUAL_PEER} on PATH: only multifd is measured (name a QEMU with --peer)`);
    }
    const folder = new BenchFolder(images);
    try {
      if (this.#options.tls === true) await makeBenchCredentials(folder.path);
      const contenders = [
        ...this.#ours(folder),
        ...peers.map((peer) => qemuToQemu(peer, folder.path)),
        ...(this.#options.cross === true ? peers.flatMap((peer) => this.#across(peer, folder)) : []),
        ...this.#ceilings(),
      ];
      const listener = this.#listener(where, before, contenders.length * rows.length * runs);
      await measureRows(rows, contenders, runs, folder, where, this.#signal, listener);
    } finally {
      folder.remove();
    }
  }

  #rows(): Row[] {
    const { scenario, size, multifdChannels, zeroPageDetection, multifdCompression, tls } = this.#options;
    const { multifdZlibLevel = 1, multifdZstdLevel = 1 } = this.#options;
    return rowsOf({
      scenarios: scenario ?? DEFAULT_SCENARIOS,
      size: size ?? DEFAULT_SIZE,
      channels: multifdChannels ?? DEFAULT_CHANNELS,
      detections: zeroPageDetection,
      compressions: multifdCompression ?? ['none'],
      levels: { zlib: multifdZlibLevel, zstd: multifdZstdLevel },
      tls: tls === true,
    });
  }

  #ours({ path }: BenchFolder): Contender[] {
    const { accel, host = ['auto'], wire = ['multifd'] } = this.#options;
    return host.flatMap((name) =>
      wire.map((form) => multifdToMultifd({ accel, host: name, wire: form, folder: path })),
    );
  }

  #across(peer: Peer, folder: BenchFolder): Contender[] {
    // To a QEMU it makes no difference which wire is asked for.
    const settings = { accel: this.#options.accel, host: 'auto', wire: 'multifd', folder: folder.path };
    return [qemuToMultifd(peer, settings), multifdToQemu(peer, settings)];
  }

  #ceilings(): Contender[] {
    if (this.#options.ceilings === false) return [];
    const host = probe();
    if (host.ok) return [PLAIN_READ, PLAIN_COPY];
    this.#terminal.note(`plain read and plain copy are left out: host-linux cannot be used (${host.reason})`);
    return [];
  }

  #listener(where: Environment, before: Samples | undefined, all: number): Listener {
    const { samples: file, runs = DEFAULT_RUNS } = this.#options;
    let series: readonly Series[] = [];
    let done = 0;
    const which = ({ row, contender, run, runs }: Turn) =>
      `${nameOf(row)}, ${contender}, run ${run} of ${runs}`;
    return {
      onImage: (row) => this.#terminal.progress(`writing the memory of ${nameOf(row)}`),
      onTurn: (turn) => this.#terminal.progress(`${which(turn)} (${done} of ${all} done)`),
      onSample: (turn, { ms, cpu, transferred }) => {
        done++;
        const seconds = ((cpu.source ?? 0) + (cpu.destination ?? 0)) / 1000;
        const sent = transferred === null ? '' : `, ${figure(transferred / MIB)} MiB sent`;
        this.#terminal.note(`${which(turn)}: ${figure(ms / 1000)} s, ${figure(seconds)} s of CPU${sent}`);
      },
      onLeftOut: (row, contender, reason) => {
        done += runs;
        // A ceiling is left out where it says nothing: that is no news.
        if (contender.startsWith('QEMU'))
          this.#terminal.note(`${nameOf(row)}, ${contender}, left out: ${reason}`);
      },
      onFailure: (turn, reason) => {
        done += turn.runs - turn.run + 1;
        this.#terminal.note(`${which(turn)} failed: ${reason}`);
      },
      onRow: (taken) => {
        series = [...series, ...taken];
        const samples = { environment: where, series };
        this.#taken(samples);
        if (file === undefined) return;
        writeSamples(file, { environment: where, series: withSeries(before?.series ?? [], series) });
        this.#taken(samples, file);
      },
    };
  }
}
