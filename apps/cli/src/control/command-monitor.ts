import {
  type DestinationEvent,
  formatAddress,
  type Migrating,
  type MigrationStatus,
  MultifdError,
  parseAddress,
  type SourceEvent,
} from '@multifd/core';
import { MigrationMonitor, type MigrationOrder, type QemuRunState } from '@multifd/qemu';
import type { Processor } from '../guest/processor.js';
import { version } from '../version.js';
import { type MonitorOptions, steeredParameters } from './ordered.js';

/** Which command is steered: a source's guest is here at first, the others wait for one. */
export type Steered = 'migrate' | 'receive' | 'relay';

/** QEMU's words for a guest that leaves, or has left, by the migration's status. */
const LEAVING: Partial<Record<MigrationStatus, string>> = {
  device: 'finish-migrate',
  completed: 'postmigrate',
};

/** ms that a client gets to read what was sent when the command ends. */
const LAST_WORD = 100;

/** The monitor of a command (`--qmp`): clients ask and steer it as they do a QEMU. */
export class CommandMonitor {
  readonly #steered: Steered;
  readonly #defers: boolean;
  readonly #abort = new AbortController();
  readonly #order = Promise.withResolvers<MigrationOrder>();
  /** Of a destination or a relay: its source can come. */
  readonly #listens = Promise.withResolvers<void>();
  readonly #quit = Promise.withResolvers<void>();
  #monitor: MigrationMonitor | undefined;
  #status: MigrationStatus = 'none';
  #hasGuest = false;
  /** A client has begun the migration. */
  #isOrdered = false;
  #processor: Processor | undefined;
  /** Of a destination: whether the guest that has come runs. */
  #arrivedRuns = false;
  #migrating: Migrating | undefined;

  private constructor(steered: Steered, defers: boolean) {
    this.#steered = steered;
    this.#defers = defers;
    // Mark the rejections handled: without --defer nobody waits for an order, or for what becomes of it.
    this.#order.promise.catch(() => {});
    this.#listens.promise.catch(() => {});
  }

  /**
   * @param address `unix:PATH` or `tcp:HOST:PORT` of this machine.
   * @param defers the command waits for `migrate` or `migrate-incoming`, and at its end for `quit`.
   * @throws MultifdError `usage` or `io`.
   */
  static async open(
    address: string,
    steered: Steered,
    defers: boolean,
    options: MonitorOptions,
  ): Promise<CommandMonitor> {
    const control = new CommandMonitor(steered, defers);
    const place = parseAddress(address);
    const at = place.kind === 'unix' ? { path: place.path } : { host: place.host, port: place.port };
    const { multifdCompression = 'none' } = options;
    const begin = (order: MigrationOrder): void => control.#begin(order);
    control.#monitor = await MigrationMonitor.listen(at, {
      package: `multifd ${version()}`,
      methods: [...new Set(['none', 'zlib', 'zstd', multifdCompression])],
      parameters: steeredParameters(options),
      returnPath: true,
      autoConverge: options.autoConverge ?? false,
      ...(steered === 'migrate'
        ? { migrate: begin }
        : {
            migrateIncoming: (order) => {
              begin(order);
              return control.#listens.promise;
            },
          }),
      ...(steered === 'migrate' ? { change: (changes) => control.#changes(changes) } : {}),
      cancel: () => control.#abort.abort(new MultifdError('cancelled', 'cancelled over QMP')),
      statistics: () => control.#migrating?.statistics(),
      quit: () => control.#quits(),
      ...(steered === 'migrate'
        ? { stop: () => control.#steer('stop'), cont: () => control.#steer('cont') }
        : {}),
      runState: () => control.#runState(),
    });
    return control;
  }

  /** Where it listens. */
  get where(): string {
    const at = this.#monitor?.address;
    if (at === undefined) return '';
    return formatAddress('path' in at ? { kind: 'unix', ...at } : { kind: 'tcp', ...at });
  }

  /** Aborts when a client cancels, or quits. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What a client has ordered. @throws MultifdError `cancelled` if it quits before, or `signal` aborts. */
  async order(signal: AbortSignal): Promise<MigrationOrder> {
    const aborted = (): void => this.#order.reject(signal.reason);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    try {
      return await this.#order.promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  /** The guest of a source is made. @param processor undefined: it is at rest. */
  hasGuest(processor: Processor | undefined): void {
    this.#hasGuest = true;
    this.#processor = processor;
  }

  /** Its source can come: whoever gave the order is answered. */
  listening(): void {
    this.#listens.resolve();
  }

  /** The guest has come to this destination. */
  arrived(runs: boolean): void {
    this.#arrivedRuns = runs;
    if (runs) this.#monitor?.guestRuns(true);
  }

  /** The migration runs: this asks it, and changes its parameters. */
  begun(migrating: Migrating): void {
    this.#migrating = migrating;
  }

  /** Takes what the engine reports. */
  onEvent(event: SourceEvent | DestinationEvent): void {
    if (event.type === 'status') this.#reached(event.status);
    this.#monitor?.onEvent(event);
  }

  /**
   * The command is about to end. With --defer that waits for `quit`, or until `signal` aborts.
   * @param error undefined: all went well.
   */
  async end(error: unknown, signal: AbortSignal, note: (line: string) => void): Promise<void> {
    this.#listens.reject(error);
    if (MultifdError.is(error) && error.code === 'cancelled') this.#monitor?.cancelled();
    else if (error !== undefined)
      this.#monitor?.failed(error instanceof Error ? error.message : String(error));
    if (this.#defers && !signal.aborted && this.#isOrdered) {
      note('the migration is over; this command ends at the QMP command quit, or a signal');
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await Promise.race([this.#quit.promise, aborted]);
    }
    this.close();
    await new Promise((resolve) => setTimeout(resolve, LAST_WORD));
  }

  /** Listens no more. */
  close(): void {
    this.#monitor?.close();
  }

  #begin(order: MigrationOrder): void {
    if (!this.#defers)
      throw new Error('this command migrates as its command line says: --defer waits for orders');
    if (this.#isOrdered) throw new Error('this command migrates once: start another one');
    this.#isOrdered = true;
    this.#order.resolve(order);
  }

  #changes(changes: { readonly 'max-bandwidth'?: number; readonly 'downtime-limit'?: number }): void {
    const { 'max-bandwidth': maxBandwidth, 'downtime-limit': downtimeLimit } = changes;
    if (this.#migrating === undefined)
      throw new Error('the migration is being prepared: try again when it is active');
    this.#migrating.setParameters({
      ...(maxBandwidth === undefined ? {} : { maxBandwidth }),
      ...(downtimeLimit === undefined ? {} : { downtimeLimit }),
    });
  }

  /** `stop` and `cont`: besides the migration, which may hold the processor too. */
  async #steer(order: 'stop' | 'cont'): Promise<void> {
    const processor = this.#processor;
    if (processor === undefined) throw new Error('the guest of this end has no processors that run here');
    if (this.#status === 'completed') throw new Error('the guest has left: it must not run here');
    const before = this.#runState().running;
    await (order === 'stop' ? processor.hold('operator') : processor.release('operator'));
    this.#tellRun(before);
  }

  #tellRun(before: boolean): void {
    const { running } = this.#runState();
    if (running !== before) this.#monitor?.guestRuns(running);
  }

  #quits(): void {
    const cancelled = new MultifdError('cancelled', 'ended by the QMP command quit');
    this.#order.reject(cancelled);
    // Once the guest has left, what follows (memory is compared) comes to its end.
    if (this.#status !== 'completed') this.#abort.abort(cancelled);
    this.#quit.resolve();
  }

  #reached(status: MigrationStatus): void {
    const { running } = this.#runState();
    this.#status = status;
    this.#tellRun(running);
  }

  #runState(): QemuRunState {
    if (this.#steered !== 'migrate') {
      if (this.#arrivedRuns) return { running: true, status: 'running' };
      return { running: false, status: this.#status === 'completed' ? 'paused' : 'inmigrate' };
    }
    const left = LEAVING[this.#status];
    if (left !== undefined) return { running: false, status: left };
    if (!this.#hasGuest) return { running: false, status: 'prelaunch' };
    const runs = this.#processor?.isHeldBy('operator') === false;
    return { running: runs, status: runs ? 'running' : 'paused' };
  }
}
