import {
  type ClientTls,
  checkLimits,
  completeParameters,
  type GuestRamDescriptor,
  type MigrateResult,
  type MigrationParameters,
  MultifdError,
  parametersFor,
  type SourceEvent,
  type SourceStatistics,
  startMigration,
  threadsOf,
} from '@multifd/core';
import { AUTO } from '@multifd/core/codec';
import { chooseAccelerator } from '../accelerators/choose.js';
import { checkingThreads } from '../accelerators/threads.js';
import { type CodecChoice, chooseCodec } from '../codecs/choose.js';
import { demoGuest, type Identity } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import { chooseHost, type HostChoice } from '../host/choose-host.js';
import { checkBacking, chooseBacking } from '../host/guest-memory.js';
import { type GuestAtRest, openAtRest } from '../images/at-rest.js';
import type { Interrupt } from '../interrupt.js';
import { addressOf } from '../loopback/address-of.js';
import { LoopbackDestination } from '../loopback/destination.js';
import type { Backing } from '../options/backing.js';
import { codecSettings } from '../options/compression.js';
import { tellCompat } from '../options/machine-compat.js';
import { type Destination, parseDestination } from '../options/places.js';
import { givenParameters, loopbackArguments, type MigrateOptions } from '../options/requests.js';
import { parseSource, type Source } from '../options/sources.js';
import { clientTls } from '../options/tls.js';
import { formatBytes } from '../report/format.js';
import type { MigrateFacts } from '../report/migrate-document.js';
import { replacedNote, SourceProgress, stalledNote, throttledNote } from '../report/progress.js';
import type { Terminal } from '../report/terminal.js';
import { peakRss, ResourceClock, withoutGuest } from '../resources.js';
import { compareDigests, differenceError } from '../verify/compare.js';
import type { BlockDigest } from '../verify/digest.js';
import { digestRam } from '../verify/digest-ram.js';
import { foreignCode } from '../verify/foreign-code.js';
import { decodePeerReport } from '../verify/peer-report.js';
import type { Watch } from '../watch/watch.js';

/** The demo guest's vCPU, and who probes an accelerator or takes the digests. */
const THREADS_BESIDE = 2;

/** One migration, from the command line's words to the verified end. */
export class MigrateRun {
  readonly #options: MigrateOptions;
  readonly #facts: MigrateFacts;
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #interrupt: Interrupt;
  readonly #watch: Watch;
  /** Begun as soon as the guest has left, while the destination does the same. */
  #digests: Promise<readonly BlockDigest[]> | undefined;
  readonly #progress: SourceProgress;
  /** Until it is `#guest`. */
  #rest: GuestAtRest | undefined;
  #guest: PreparedGuest | undefined;
  /** A terminal that takes nothing (Ctrl-S) holds whoever writes to it. */
  #standsStill = false;

  constructor(
    options: MigrateOptions,
    facts: MigrateFacts,
    terminal: Terminal,
    interrupt: Interrupt,
    watch: Watch,
  ) {
    this.#watch = watch;
    this.#options = options;
    this.#progress = new SourceProgress(options.verbose);
    this.#facts = facts;
    this.#terminal = terminal;
    this.#signal = interrupt.signal;
    this.#interrupt = interrupt;
  }

  /** A guest that has not left runs on until the caller closes this. @throws MultifdError; the facts tell how far it came. */
  async run(sourceText: string, destinationText: string): Promise<void> {
    const source = parseSource(sourceText);
    const destination = parseDestination(destinationText);
    const { tls } = clientTls(this.#options, destination);
    const codec = await chooseCodec(this.#options.multifdCompression ?? 'none', process.cwd(), this.#signal);
    const settings = codecSettings(this.#options, codec);
    this.#facts.codec = { ...codec, settings };
    const given = givenParameters(this.#options, codec);
    this.#facts.parameters = completeParameters(given);
    const rest = await openAtRest(source, this.#signal);
    this.#rest = rest;
    const known = rest?.identity;
    const uuid = this.#options.uuid ?? known?.uuid;
    const machineType = this.#options.machineType ?? known?.machineType ?? 'none';
    const identity = { machineType, ...(uuid === undefined ? {} : { uuid }) };
    const parameters = this.#fit(machineType, given, destination);
    const needs = (beside: number) => threadsOf(parameters.multifdChannels, 1 + beside, tls === undefined);
    // Before any thread is made, the accelerators' and the guest's own among them.
    checkLimits(needs(THREADS_BESIDE), destination.kind === 'loopback' ? [needs(0)] : []);
    const verify = this.#options.verify ?? (source.kind === 'demo' || destination.kind === 'loopback');
    this.#facts.verify = verify;
    if (verify || destination.kind === 'loopback') rest?.checkReportable();
    const host = chooseHost(this.#options.host);
    this.#facts.host = host;
    if (source.kind === 'demo' && source.backing !== undefined) checkBacking(source.backing, host);
    const threads = checkingThreads(parameters);
    this.#facts.choice = await chooseAccelerator(this.#options, process.cwd(), threads);
    const backing =
      source.kind === 'demo' ? chooseBacking(source.backing, this.#facts.choice, host) : undefined;

    // Started before the guest is made: it needs a moment, and a guest of many GiB more than one.
    const loopback =
      destination.kind === 'loopback'
        ? new LoopbackDestination(
            loopbackArguments(parameters, codec, verify, { host: host.requested, backing, uuid }),
          )
        : undefined;
    try {
      const guest = await this.#prepare(source, backing, host, identity);
      this.#guest = guest;
      const to = await addressOf(destination, loopback, this.#signal, parameters.setupTimeout);
      await this.#migrate(guest, to, parameters, codec, verify, loopback !== undefined, tls);
      const ranOn = await loopback?.guest();
      const left = guest.describe();
      this.#facts.guest = ranOn === undefined ? left : { ...left, ...ranOn };
    } catch (error) {
      throw (await loopback?.explain(error)) ?? error;
    } finally {
      loopback?.close();
      if (this.#facts.completed === true) await this.close();
    }
  }

  /** Ends the guest of this end. */
  async close(): Promise<void> {
    if (this.#guest !== undefined) this.#facts.guest ??= this.#guest.describe();
    await this.#guest?.close();
    this.#guest = undefined;
    await this.#rest?.close();
    this.#rest = undefined;
  }

  /** What was not given is as the machine type has it, where a destination is that may be a QEMU. */
  #fit(
    machineType: string,
    given: Partial<MigrationParameters>,
    destination: Destination,
  ): MigrationParameters {
    const isLoopback = destination.kind === 'loopback';
    const parameters = isLoopback ? completeParameters(given) : parametersFor(machineType, given);
    this.#facts.parameters = parameters;
    if (!isLoopback)
      this.#facts.contradiction = tellCompat(machineType, given, (line) => this.#terminal.note(line));
    return parameters;
  }

  async #prepare(
    source: Source,
    backing: Backing | undefined,
    host: HostChoice,
    identity: Identity,
  ): Promise<PreparedGuest> {
    if (source.kind === 'demo') {
      this.#terminal.progress(`making a demo guest of ${formatBytes(source.size)}`);
      return demoGuest(source, backing, host, identity, this.#signal);
    }
    const rest = this.#rest;
    if (rest === undefined) throw new MultifdError('internal', 'the guest was not opened');
    const prepared = await rest.prepare(identity, host, (line) => this.#terminal.note(line));
    this.#rest = undefined;
    return prepared;
  }

  async #migrate(
    guest: PreparedGuest,
    to: string,
    parameters: MigrationParameters,
    codec: CodecChoice,
    verify: boolean,
    isLoopback: boolean,
    tls: ClientTls | undefined,
  ): Promise<void> {
    const requestReport = verify || isLoopback;
    const settings = codecSettings(this.#options, codec);
    const clock = new ResourceClock();
    const onCompleted = async () => {
      this.#facts.completed = true;
      this.#facts.peakRss.source = peakRss();
      this.#facts.backing = guest.backing;
      this.#facts.allocated.source = guest.allocatedBytes() ?? null;
      this.#facts.huge.source = guest.hugeBytes() ?? null;
      const elapsed = clock.elapsed();
      this.#facts.pageFaults.source = clock.faults();
      if (verify) this.#beginDigests(guest.guest.ram);
      // Nobody looks at the promise until the report has come: it must not be rejected.
      this.#facts.cpuTime.source = await withoutGuest(elapsed, guest, (line) => this.#terminal.note(line));
    };
    await guest.run();
    this.#watch.hasGuest(guest.processor);
    let accounted: Promise<void> | undefined;
    const migrating = await startMigration({
      guest: guest.guest,
      to,
      parameters,
      methodModules: codec.modules,
      methodSettings: settings,
      requestReport,
      signal: this.#signal,
      ...(tls === undefined ? {} : { tls }),
      ...(this.#facts.host?.module === undefined ? {} : { socketIo: this.#facts.host.module }),
      ...(parameters.zeroPageDetection === 'none' || this.#facts.choice === undefined
        ? {}
        : { accelerator: this.#facts.choice }),
      onEvent: (event) => {
        if (event.type === 'status') this.#interrupt.reached(event.status);
        if (event.type === 'status' && event.status === 'completed') accounted = onCompleted();
        this.#onEvent(event);
      },
    });
    this.#watch.begun(migrating);
    const result = await migrating.result;
    await (accounted ?? onCompleted());
    this.#facts.statistics = result.statistics;
    this.#facts.tls = result.tls;
    if (codec.name === AUTO)
      this.#facts.codec = {
        ...codec,
        settings,
        decision: result.compression ?? null,
      };
    this.#readReport(result);
    if (verify) await this.#verify(result);
  }

  #onEvent(event: SourceEvent): void {
    this.#watch.onEvent(event);
    if (event.type === 'warning') this.#terminal.note(event.message);
    if (event.type === 'accelerator-replaced') {
      this.#facts.replaced.push(event.replacement);
      this.#terminal.note(replacedNote(event.replacement));
    }
    if (event.type === 'throttled') this.#terminal.note(throttledNote(event.percent));
    if (event.type === 'status') this.#standsStill = event.status === 'device';
    if (event.type === 'progress') this.#onProgress(event.statistics);
    if (event.type === 'stalled') {
      const { parameters } = this.#facts;
      if (this.#progress.stalled(event.statistics) && parameters !== undefined)
        this.#terminal.note(stalledNote(event.statistics, parameters));
    }
  }

  #onProgress(statistics: SourceStatistics): void {
    this.#facts.statistics = statistics;
    if (!this.#standsStill) this.#terminal.progress(this.#progress.line(statistics));
  }

  #beginDigests(ram: GuestRamDescriptor): void {
    this.#terminal.progress('comparing the memory of both sides');
    this.#digests = digestRam(ram, this.#signal);
    this.#digests.catch(() => {});
  }

  #readReport({ report }: MigrateResult): void {
    if (report === undefined) return;
    const { cpuTime, peakRss: peak, pageFaults, allocated, huge } = decodePeerReport(report);
    this.#facts.allocated.destination = allocated ?? null;
    this.#facts.huge.destination = huge ?? null;
    this.#facts.cpuTime.destination = cpuTime;
    this.#facts.peakRss.destination = peak;
    this.#facts.pageFaults.destination = pageFaults ?? null;
  }

  /** @throws MultifdError: the guest has left by now, and only the comparison can be called off, or fail. */
  async #ourDigests(): Promise<readonly BlockDigest[] | undefined> {
    try {
      return await this.#digests;
    } catch (cause) {
      if (!this.#signal.aborted) throw MultifdError.from(cause, 'internal', 'not verified');
      throw new MultifdError('cancelled', 'not verified: interrupted after the guest had left', { cause });
    }
  }

  async #verify({ report }: MigrateResult): Promise<void> {
    const ours = await this.#ourDigests();
    const theirs = report === undefined ? undefined : decodePeerReport(report).blocks;
    if (ours === undefined || theirs === undefined) {
      throw new MultifdError('protocol', 'not verified: the destination sent no digests', {
        hint: 'verification needs a `multifd receive` without --no-verify; for any other destination, give --no-verify here',
      });
    }
    const verification = compareDigests(ours, theirs);
    this.#facts.verification = verification;
    const error = differenceError(verification, foreignCode(this.#facts));
    if (error !== undefined) throw error;
  }
}
