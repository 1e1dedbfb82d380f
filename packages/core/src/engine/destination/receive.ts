import type { Socket } from 'node:net';
import { MultifdError } from '../../errors.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { allocateGuestRam, checkGuestRam, type GuestRamDescriptor } from '../../ram/guest-ram.js';
import { isPageSize } from '../../wire/layout.js';
import { formatAddress, parseAddress } from '../address.js';
import type { Incoming, IncomingBlock, IncomingRam, ReceiveOptions, ReceiveResult } from '../api.js';
import { Counters } from '../counters.js';
import { completeParameters, type MigrationParameters } from '../parameters.js';
import { checkUuid } from '../source/options.js';
import { StatusMachine } from '../status.js';
import { type Thread, ThreadGroup } from '../thread-group.js';
import { DestinationControl } from './control.js';
import { DestinationMeter } from './destination-meter.js';
import { Listener } from './listener.js';
import type {
  FromIncomingThread,
  IncomingThreadData,
  PlacementDescriptor,
  ReceivedState,
  ToIncomingThread,
} from './messages.js';
import { Reception } from './reception.js';

/** ms between two `progress` events. */
const PROGRESS_INTERVAL = 100;

/** Bytes that a source can make this end reserve unasked: even untouched memory has its price. */
const MOST_RAM = 4 * 2 ** 40;

/**
 * Is the destination of a migration: listens, and receives one guest.
 *
 * @returns when it listens; `result` is there when the guest is.
 * @throws MultifdError `usage` or `io` if it cannot listen.
 */
export async function receive(options: ReceiveOptions): Promise<Incoming> {
  const parameters = completeParameters(options.parameters);
  const pageSize = options.pageSize ?? 4096;
  if (!isPageSize(pageSize)) {
    throw new MultifdError('usage', `page size ${pageSize}: must be a power of two from 4096 to 65536`);
  }
  const uuid = checkUuid(options.uuid);
  const address = parseAddress(options.listen);
  const migration = new DestinationMigration(options, parameters, pageSize, uuid);
  const listener = await Listener.open(address, (socket, peer) => migration.connected(socket, peer));
  const result = migration.run(listener);
  // Who has not looked at the result yet must not die of it.
  result.catch(() => {});
  return { address: formatAddress(listener.address), result };
}

/** One migration on its destination, in the API thread: it owns the listener, the threads and the status. */
class DestinationMigration {
  readonly #options: ReceiveOptions;
  readonly #parameters: MigrationParameters;
  readonly #pageSize: number;
  readonly #uuid: Uint8Array;
  readonly #status: StatusMachine;
  readonly #control: DestinationControl;
  readonly #counters: Counters;
  readonly #meter: DestinationMeter;
  readonly #threads: ThreadGroup<ToIncomingThread, FromIncomingThread>;
  readonly #reception: Reception;
  readonly #outcome = Promise.withResolvers<ReceiveResult>();
  readonly #told = Promise.withResolvers<void>();
  #main: Thread<ToIncomingThread> | undefined;
  #machineType = 'none';
  #placement: PlacementDescriptor | undefined;
  #setupTimer: NodeJS.Timeout | undefined;
  /** The guest is here and the source may have been told: nothing can undo it. */
  #committed = false;

  constructor(options: ReceiveOptions, parameters: MigrationParameters, pageSize: number, uuid: Uint8Array) {
    this.#options = options;
    this.#parameters = parameters;
    this.#pageSize = pageSize;
    this.#uuid = uuid;
    this.#status = new StatusMachine((status) => options.onEvent?.({ type: 'status', status }));
    this.#control = DestinationControl.allocate(parameters.multifdChannels);
    this.#counters = Counters.allocate(parameters.multifdChannels + 1);
    this.#meter = new DestinationMeter(this.#counters, pageSize);
    this.#threads = new ThreadGroup((error) => this.#fail(error));
    this.#reception = new Reception(parameters.multifdChannels, {
      spawn: (onMessage) => this.#spawn(onMessage),
      refused: (peer, reason) => options.onEvent?.({ type: 'refused', peer, reason }),
      introduced: () => this.#sourceBegins(),
      failed: (error) => this.#fail(error),
      message: (message) => this.#onMessage(message),
      complete: (main) => this.#allConnected(main),
    });
  }

  /** A connection was accepted. */
  connected(socket: Socket, peer: string): void {
    this.#reception.connected(socket, peer);
  }

  /** The source has begun to connect. A stranger does not start the clock: it may come long before the source. */
  #sourceBegins(): void {
    if (this.#setupTimer !== undefined || !this.#status.is('setup')) return;
    this.#meter.begins();
    const { setupTimeout } = this.#parameters;
    this.#setupTimer = setTimeout(() => this.#fail(this.#reception.missing(setupTimeout)), setupTimeout);
  }

  async run(listener: Listener): Promise<ReceiveResult> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#cancel();
    const watch = setInterval(() => this.#watch(), PROGRESS_INTERVAL);
    signal?.addEventListener('abort', onAbort);
    try {
      this.#status.to('setup');
      if (signal?.aborted) this.#cancel();
      else this.#reception.open();
      const result = await this.#outcome.promise;
      await this.#told.promise;
      return result;
    } finally {
      listener.stopListening();
      this.#reception.close();
      clearInterval(watch);
      clearTimeout(this.#setupTimer);
      signal?.removeEventListener('abort', onAbort);
      if (!this.#status.is('completed')) {
        this.#control.abort();
        this.#threads.broadcast({ type: 'abort' });
      }
      await this.#threads.join();
      listener.close();
      if (this.#status.is('cancelling')) this.#status.to('cancelled');
    }
  }

  #spawn(onMessage: (message: FromIncomingThread) => void): Thread<ToIncomingThread> {
    const data: IncomingThreadData = {
      parameters: this.#parameters,
      pageSize: this.#pageSize,
      uuid: this.#uuid,
      machineType: this.#options.machineType,
      control: this.#control.buffer,
      counters: this.#counters.buffer,
      methodModules: this.#options.methodModules ?? [],
      methodSettings: this.#options.methodSettings ?? {},
    };
    return this.#threads.spawn('incoming', 'incoming thread', data, onMessage);
  }

  #allConnected(main: Thread<ToIncomingThread>): void {
    this.#main = main;
    clearTimeout(this.#setupTimer);
    if (this.#status.is('setup')) this.#status.to('active');
  }

  #onMessage(message: FromIncomingThread): void {
    if (message.type === 'configuration') this.#machineType = message.machineType;
    else if (message.type === 'blocks') this.#guarded('openRam', () => this.#openRam(message.blocks));
    else if (message.type === 'received') this.#guarded('commit', () => this.#complete(message.received));
    else if (message.type === 'failed') this.#fail(MultifdError.fromReport(message.error));
    else if (message.type === 'told') this.#told.resolve();
  }

  async #openRam(blocks: readonly IncomingBlock[]): Promise<void> {
    const { blocks: opened, fresh } = await this.#askForRam(blocks);
    // In the source's order, so that the result can be compared with what it announced.
    const ordered = blocks.map((block) => {
      const found = opened.find((each) => each.name === block.name);
      if (found === undefined || found.length !== block.length) {
        throw new MultifdError(
          'incompatible',
          `RAM block ${block.name}: the source has ${block.length} bytes, this end ${found?.length ?? 'no such block'}`,
        );
      }
      return found;
    });
    const ram: GuestRamDescriptor = { pageSize: this.#pageSize, blocks: ordered };
    checkGuestRam(ram);
    this.#meter.ramOpened(ordered.reduce((sum, block) => sum + block.length, 0));
    const placement: PlacementDescriptor = {
      ram,
      fresh,
      placed: ordered.map((block) => DirtyBitmap.allocate(block.length / this.#pageSize).buffer),
    };
    this.#placement = placement;
    this.#threads.broadcast({ type: 'ram', placement });
  }

  async #askForRam(blocks: readonly IncomingBlock[]): Promise<IncomingRam> {
    if (this.#options.openRam !== undefined) return this.#options.openRam(blocks);
    const total = blocks.reduce((sum, block) => sum + block.length, 0);
    if (total > MOST_RAM) {
      throw new MultifdError(
        'incompatible',
        `the source announces ${total} bytes of RAM, at most ${MOST_RAM}`,
        {
          hint: 'give receive an openRam that has room for them',
        },
      );
    }
    return { blocks: allocateGuestRam(blocks, this.#pageSize).blocks, fresh: true };
  }

  /** Everything is here: make it last, tell the source, and report if it asked. */
  async #complete(received: ReceivedState): Promise<void> {
    const placement = this.#placement;
    await this.#reception.settled();
    if (placement === undefined || !this.#status.is('active')) return;
    this.#status.to('device');
    const result = (): ReceiveResult => ({
      status: 'completed',
      machineType: this.#machineType,
      ram: placement.ram,
      placed: placement.placed,
      deviceState: received.sections,
      rawDeviceState: { bytes: received.bytes, vmdesc: received.vmdesc },
      statistics: this.#meter.read(),
    });
    await this.#options.commit?.(result());
    if (!this.#status.is('device')) return;
    this.#committed = true;
    const report = received.reportRequested && this.#options.report !== undefined;
    this.#main?.post({ type: 'committed', report });
    this.#meter.completed();
    this.#status.to('completed');
    if (report) this.#main?.post({ type: 'report', report: await this.#report(result()) });
    this.#outcome.resolve(result());
  }

  /** The guest is here whatever the report does: a failure is told to the source in place of it. */
  async #report(result: ReceiveResult): Promise<Uint8Array> {
    try {
      return (await this.#options.report?.(result)) ?? new Uint8Array(0);
    } catch (error) {
      return new TextEncoder().encode(
        JSON.stringify({ error: MultifdError.from(error, 'guest', 'the report callback failed').message }),
      );
    }
  }

  #guarded(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) =>
      this.#fail(MultifdError.from(error, 'guest', `the ${what} callback failed`)),
    );
  }

  #watch(): void {
    if (!this.#status.is('active')) return;
    this.#options.onEvent?.({ type: 'progress', statistics: this.#meter.read() });
    const { idleTimeout } = this.#parameters;
    if (this.#meter.idleFor() <= idleTimeout) return;
    this.#fail(
      new MultifdError('timeout', `the source sent no byte on any connection for ${idleTimeout} ms`, {
        hint: 'the source hangs or the network is down; its guest is intact there',
      }),
    );
  }

  /** The first error decides; once the guest is here, none does. */
  #fail(error: MultifdError): void {
    if (this.#committed) this.#told.resolve();
    if (this.#committed || this.#status.isOver || this.#status.is('cancelling')) return;
    this.#status.to('failed');
    this.#outcome.reject(error);
  }

  #cancel(): void {
    if (this.#committed || this.#status.isOver || this.#status.is('cancelling')) return;
    this.#status.to('cancelling');
    this.#outcome.reject(
      new MultifdError('cancelled', 'the migration was cancelled; the guest is intact on its source'),
    );
  }
}
