import {
  checkLimits,
  completeParameters,
  type Incoming,
  type IncomingBlock,
  type IncomingRam,
  type MigrationStatus,
  type ReceiveResult,
  receive,
  type ServerTls,
  threadsOf,
} from '@multifd/core';
import { type CodecChoice, chooseCodec } from '../codecs/choose.js';
import { dumpNote, leftOutNote } from '../convert/notes.js';
import { runOn } from '../guest/run-on.js';
import { findVcpuState } from '../guest/vcpu-state.js';
import { chooseHost, type HostChoice } from '../host/choose-host.js';
import { allocateGuestMemory, type GuestMemory } from '../host/guest-memory.js';
import { droppedNote, hasDeviceState } from '../images/device-state.js';
import type { IncomingTarget, Kept } from '../images/incoming-target.js';
import { ingestThreads } from '../images/ingest-threads.js';
import { leftOvers } from '../images/left-over.js';
import { openTarget } from '../images/open-target.js';
import { PAGE_SIZE } from '../images/page-size.js';
import { loadHoleSeeker } from '../images/seek.js';
import { strandedWords, withStranded } from '../images/stranded.js';
import { endedAtOnce, type Interrupt } from '../interrupt.js';
import { tellParent } from '../loopback/messages.js';
import { type CodecSettings, codecSettings } from '../options/compression.js';
import { checkAnnouncedRam, DEFAULT_MAX_RAM } from '../options/max-ram.js';
import { isLocal, parseListen, type Target } from '../options/places.js';
import { givenParameters, type ReceiveOptions } from '../options/requests.js';
import { admits, checkReach, serverTls } from '../options/tls.js';
import { checkFarewell } from '../report/farewell.js';
import { ArrivalProgress } from '../report/progress.js';
import type { ReceiveFacts } from '../report/receive-document.js';
import type { Terminal } from '../report/terminal.js';
import { peakRss, ResourceClock } from '../resources.js';
import { digestRam } from '../verify/digest-ram.js';
import { encodePeerReport } from '../verify/peer-report.js';
import type { Watch } from '../watch/watch.js';

/** Takes the digests, when the engine's threads may still be ending. */
const DIGEST_THREAD = 1;

/** One incoming migration, from the address to the kept memory. */
export class ReceiveRun {
  readonly #options: ReceiveOptions;
  readonly #facts: ReceiveFacts;
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #interrupt: Interrupt;
  readonly #watch: Watch;
  readonly #progress = new ArrivalProgress('received');
  /** From listening on. */
  #clock = new ResourceClock();
  readonly #host: HostChoice;
  #memory: GuestMemory | undefined;
  #incoming: Incoming | undefined;
  /** The result has come: nothing is waited for of the source. */
  #hasResult = false;
  /** The files end with the process, whatever it was doing; set while there are some. */
  #abandon: (() => void) | undefined;
  #images: IncomingTarget | undefined;
  /** The blocks where they are kept, without their holes. */
  #kept: (Kept & { readonly pageSize: number }) | undefined;

  constructor(
    options: ReceiveOptions,
    facts: ReceiveFacts,
    terminal: Terminal,
    interrupt: Interrupt,
    watch: Watch,
  ) {
    this.#watch = watch;
    this.#options = options;
    this.#facts = facts;
    this.#terminal = terminal;
    this.#signal = interrupt.signal;
    this.#interrupt = interrupt;
    this.#host = chooseHost(options.host);
  }

  /** @throws MultifdError; the facts tell how far it came. */
  async run(listenText: string, target: Target): Promise<void> {
    const listen = parseListen(listenText);
    const { tls } = serverTls(this.#options);
    checkReach(listen, tls !== undefined, this.#options.insecure === true);
    const codec = await chooseCodec(this.#options.multifdCompression ?? 'none', process.cwd(), this.#signal);
    const settings = codecSettings(this.#options, codec);
    const parameters = completeParameters(givenParameters(this.#options, codec));
    this.#facts.channels = parameters.multifdChannels;
    this.#facts.codec = codec;
    // Before anything is made for the guest.
    const ingesting = target.kind === 'store' ? ingestThreads() : 0;
    checkLimits(threadsOf(parameters.multifdChannels, 1 + DIGEST_THREAD + ingesting, tls === undefined));
    // Now: it is loaded late, and when the images are complete a guest stands still.
    if (target.kind === 'raw') loadHoleSeeker();
    this.#noteAll(leftOvers(target));
    const images = await openTarget(target, {
      replace: this.#options.force === true,
      uuid: this.#options.uuid,
      ram: this.#options.ram,
      dumped: (summary) => {
        this.#facts.dump = summary;
      },
    });
    const abandon = () => {
      images?.abandon();
      if (images?.stranded !== undefined) this.#terminal.note(strandedWords(images.stranded));
    };
    this.#images = images;
    this.#abandon = abandon;
    process.once('exit', abandon);
    try {
      const received = await this.#receive(listen, parameters, { ...codec, settings }, images, target, tls);
      // Before anything else can fail: from here on the source has no guest any more.
      this.#noteAll(await images?.settle());
      if (images !== undefined) this.#facts.images = this.#kept?.paths ?? [];
      this.#facts.statistics = received.statistics;
      this.#noteMemory(target);
      this.#tellDeviceState(received, target);
      checkFarewell(received.guest, parameters.stallTimeout);
      await this.#runOn(received, target);
    } catch (error) {
      const stranded = images?.stranded;
      if (stranded !== undefined) this.#facts.images = stranded.paths;
      throw withStranded(error, stranded);
    } finally {
      process.off('exit', abandon);
      this.#images = undefined;
      this.#memory?.close();
      this.#noteAll(await images?.discard());
    }
  }

  /** What the end waits for after a signal. */
  waitsFor(status: MigrationStatus): string {
    if (this.#hasResult) return 'the guest here is being ended';
    if (status === 'completed')
      return 'the guest is here, and its source has not closed its main stream yet (as with COLO, x-colo)';
    return status === 'device' ? 'the guest is being kept' : 'the migration is being cancelled';
  }

  /** A second signal: gives up what is here at once. @returns what to tell of it. */
  endAtOnce(): unknown {
    const images = this.#images;
    if (this.#abandon !== undefined) process.off('exit', this.#abandon);
    images?.abandon();
    // `afterCompletion` says it of a guest that is here.
    const word = this.#hasResult ? undefined : this.#incoming?.guest();
    if (this.#facts.completed === true && this.#kept !== undefined) this.#facts.images = this.#kept.paths;
    if (images?.stranded !== undefined) this.#facts.images = images.stranded.paths;
    return withStranded(endedAtOnce(word), images?.stranded);
  }

  async #receive(
    listen: string,
    parameters: ReturnType<typeof completeParameters>,
    codec: CodecChoice & { readonly settings: CodecSettings },
    images: IncomingTarget | undefined,
    target: Target,
    tls: ServerTls | undefined,
  ): Promise<ReceiveResult> {
    const { machineType, uuid } = this.#options;
    const incoming = await receive({
      listen,
      parameters,
      methodModules: codec.modules,
      methodSettings: codec.settings,
      signal: this.#signal,
      ...(tls === undefined ? {} : { tls }),
      // What is announced is checked below, where it can be said which option allows more.
      maxRam: Number.MAX_SAFE_INTEGER,
      openRam: (blocks, ahead, machineType) => {
        checkAnnouncedRam(blocks, this.#options.maxRam ?? DEFAULT_MAX_RAM);
        // Images are written to, not mapped: a mapping fills holes around what is written.
        return images?.openRam(blocks, ahead, machineType) ?? this.#memoryFor(blocks, target);
      },
      commit: (received) => this.#commit(received, images),
      report: (received) => this.#report(received),
      onEvent: (event) => {
        this.#watch.onEvent(event);
        if (event.type === 'status') this.#interrupt.reached(event.status);
        // From here on the source has no guest any more, whatever else may fail.
        if (event.type === 'status' && event.status === 'completed') this.#facts.completed = true;
        if (event.type === 'progress') {
          this.#facts.statistics = event.statistics;
          this.#terminal.progress(this.#progress.line(event.statistics));
        }
        // Before the digests: they have their own price.
        if (event.type === 'status' && event.status === 'completed') this.#measure();
        if (event.type === 'warning') this.#terminal.note(event.message);
        if (event.type === 'refused') this.#noteAll(this.#facts.refusals?.note(event.peer, event.reason));
      },
      ...(this.#host.module === undefined ? {} : { socketIo: this.#host.module }),
      ...(machineType === undefined ? {} : { machineType }),
      ...(uuid === undefined ? {} : { uuid }),
    });
    this.#incoming = incoming;
    // What came before is this command's start, and not the migration's.
    this.#clock = new ResourceClock();
    this.#facts.listen = incoming.address;
    tellParent({ type: 'listening', address: incoming.address });
    this.#watch.listening();
    this.#terminal.note(`listening on ${incoming.address}${whoCanReach(incoming.address, tls)}`);
    const result = await incoming.result;
    this.#hasResult = true;
    return result;
  }

  #memoryFor(blocks: readonly IncomingBlock[], target: Target): IncomingRam {
    const backing = target.kind === 'memory' ? target.backing : undefined;
    this.#memory = allocateGuestMemory(blocks, backing, this.#host, PAGE_SIZE);
    return { blocks: this.#memory.blocks, allZero: true };
  }

  /** All of it has arrived: it must be safe here before the source is told. */
  async #commit(received: ReceiveResult, images: IncomingTarget | undefined): Promise<void> {
    this.#note(received);
    if (images === undefined) return;
    this.#kept = { pageSize: received.ram.pageSize, ...(await images.keep(received)) };
  }

  /** On the disk: whether the guest can be resumed from what is there. */
  #tellDeviceState({ rawDeviceState }: ReceiveResult, target: Target): void {
    this.#noteAll(this.#facts.dump?.leftOut.map(leftOutNote));
    if (target.kind === 'memory' || !hasDeviceState(rawDeviceState)) return;
    this.#facts.deviceState = target.kind === 'raw' || target.kind === 'core' ? 'dropped' : 'kept';
    if (target.kind === 'raw') this.#terminal.note(droppedNote(target.directory));
    if (target.kind === 'core') this.#terminal.note(dumpNote(target.path));
  }

  #noteAll(lines: readonly string[] = []): void {
    for (const line of lines) this.#terminal.note(line);
  }

  /** What the source asked for: so much the migration took here, and so the memory looks. */
  async #report({ ram }: ReceiveResult): Promise<Uint8Array> {
    const { verify } = this.#options;
    const blocks = verify === false ? undefined : await digestRam(this.#kept ?? ram, this.#signal);
    return encodePeerReport({
      cpuTime: this.#facts.cpuTime ?? 0,
      peakRss: this.#facts.peakRss ?? 0,
      pageFaults: this.#facts.pageFaults,
      allocated: this.#memory?.allocatedBytes(),
      huge: this.#memory?.hugeBytes(),
      blocks,
    });
  }

  /** What the migration took. */
  #measure(): void {
    this.#facts.cpuTime = this.#clock.elapsed();
    this.#facts.pageFaults = this.#clock.faults();
    this.#facts.peakRss = peakRss();
  }

  #note({ statistics, ram, machineType, deviceState, tls }: ReceiveResult): void {
    this.#facts.tls = tls;
    this.#facts.statistics = statistics;
    this.#watch.received(statistics);
    this.#facts.machineType = machineType;
    this.#facts.blocks = ram.blocks.map(({ name, length }) => ({ name, length }));
    this.#facts.devices = deviceState?.map(({ idstr, instanceId }) => `${idstr}.${instanceId}`) ?? null;
  }

  #noteMemory(target: Target): void {
    const memory = target.kind === 'memory' ? this.#memory : undefined;
    if (memory === undefined) return;
    this.#facts.memory = {
      backing: memory.backing,
      allocated: memory.allocatedBytes() ?? null,
      'huge-pages': memory.hugeBytes() ?? null,
    };
  }

  /** A demo guest in memory runs on here, after the source can no longer run it and its digests were taken. */
  async #runOn({ deviceState, ram }: ReceiveResult, target: Target): Promise<void> {
    const vcpu = target.kind === 'memory' ? findVcpuState(deviceState ?? []) : undefined;
    if (vcpu === undefined) return;
    this.#watch.arrived(vcpu.runs);
    this.#facts.guest = vcpu.runs
      ? await runOn(ram, vcpu)
      : { state: 'stopped', from: vcpu.counter, to: vcpu.counter };
  }
}

function whoCanReach(address: string, tls: ServerTls | undefined): string {
  if (tls !== undefined) return ` (${admits(tls)})`;
  return isLocal(address)
    ? ' (only this machine can reach it)'
    : ' (other machines can reach it, and nothing is encrypted or authenticated)';
}
