import { type GuestPlace, MultifdError } from '../../errors.js';
import { isBytes, kindOf } from '../../given.js';
import { checkLimits, threadsOf } from '../../limits/needs.js';
import { checkNode } from '../../limits/node-version.js';
import { startThreadPool } from '../../limits/thread-pool.js';
import { completeParameters } from '../../parameters.js';
import type { RamBlockDescriptor } from '../../ram/block.js';
import { bitmapFault } from '../../ram/check-bitmap.js';
import { checkWritable } from '../../ram/check-blocks.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { allocateGuestRam, checkGuestRam, type GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { IncomingBlock, IncomingRam } from '../../ram/incoming-ram.js';
import type { ReceivedState } from '../../recv/main-host.js';
import type { PlacementDescriptor } from '../../recv/placer.js';
import { FirstFailure } from '../../thread/first-failure.js';
import { saidByDestination } from '../../thread/guest-place.js';
import { formatAddress, parseAddress } from '../../transport/address.js';
import { canShare } from '../../transport/can-share.js';
import { prepareSocketIo, type SocketIoLink } from '../../transport/socket-io.js';
import { tlsThreads } from '../../transport/tls/acceptor.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { checkServerTls } from '../../transport/tls/options.js';
import { isPageSize } from '../../wire/layout.js';
import type { Incoming, ReceiveOptions, ReceiveResult } from '../api.js';
import { checkMethod, checkReceiveOptions } from '../check-options.js';
import { checkUuid } from '../source/options.js';
import type { DestinationStatistics } from '../statistics.js';
import type { FoundBlocks, IncomingThreadData, ToIncomingThread } from './messages.js';
import { DestinationMigration } from './migration.js';
import type { DestinationRole } from './role.js';

/** Bytes of a report: its length travels in 16 bits. */
const MOST_REPORT = 65_535;
/** Default limit of the RAM that a source may announce, in bytes: even untouched memory costs page tables. */
const MOST_RAM = 4 * 2 ** 40;

/**
 * Destination of a migration: listens, and receives one guest.
 *
 * @returns when it listens; its `result` resolves when the guest has arrived.
 * @throws MultifdError `usage` or `io` if it cannot listen.
 */
export async function receive(options: ReceiveOptions): Promise<Incoming> {
  checkNode();
  checkReceiveOptions(options);
  const parameters = completeParameters(options.parameters);
  checkMethod(parameters.multifdCompression, options);
  const pageSize = options.pageSize ?? 4096;
  if (!isPageSize(pageSize)) {
    throw new MultifdError('usage', `page size ${pageSize}: must be a power of two from 4096 to 65536`);
  }
  const uuid = checkUuid(options.uuid);
  const address = parseAddress(options.listen);
  checkServerTls(options.tls);
  const { multifdChannels } = parameters;
  const decrypting = (sockets: number): number => (options.tls === undefined ? 0 : tlsThreads(sockets));
  // Digests of a report are taken in a thread, when ours may still be ending.
  const reporting = options.report === undefined ? 0 : 1;
  const check = (io?: SocketIoLink): void => {
    const needs = threadsOf(multifdChannels, 1 + reporting, canShare(options.tls, io));
    const more = decrypting(multifdChannels);
    checkLimits({
      ...needs,
      threads: needs.threads + more,
      connections: needs.connections + more,
      least: needs.least + decrypting(1),
    });
  };
  // Loading a module takes threads too: what is needed at least is checked before.
  check();
  startThreadPool();
  const io = await prepareSocketIo(options.socketIo);
  try {
    check(io?.link);
  } catch (error) {
    io?.interrupt.close();
    throw error;
  }
  const role = new ReceiveRole(options, pageSize);
  const migration = new DestinationMigration(options, role, parameters, pageSize, uuid, io);
  const listener = await migration.listen(address);
  const result = migration.run(listener);
  // Mark the rejection handled: the caller may look at the result later.
  result.catch(() => {});
  return {
    address: formatAddress(listener.address),
    result,
    close: () => migration.cancel(),
    guest: () => migration.guest(),
  };
}

/** Keeps the guest here: its pages go to the caller's RAM. */
class ReceiveRole implements DestinationRole<ReceiveResult> {
  readonly failures = new FirstFailure();
  readonly entry = 'incoming';
  readonly sharesThreads = true;
  readonly word = saidByDestination;
  readonly #options: ReceiveOptions;
  readonly #pageSize: number;
  #placement: PlacementDescriptor | undefined;

  constructor(options: ReceiveOptions, pageSize: number) {
    this.#options = options;
    this.#pageSize = pageSize;
  }

  get reports(): boolean {
    return this.#options.report !== undefined;
  }

  threadData(data: IncomingThreadData): IncomingThreadData {
    return data;
  }

  open(): void {}

  tryAbort(): boolean {
    return true;
  }

  isNews({ code }: MultifdError): boolean {
    return code !== 'peer-closed';
  }

  heard(): void {}

  secured(): void {}

  returnPathEnded(): void {}

  settle(): void {}

  async place({ blocks, ahead }: FoundBlocks, machineType: string): Promise<ToIncomingThread> {
    this.#checkSize(blocks);
    const { blocks: opened, allZero, changedPages } = await this.#askForRam(blocks, ahead, machineType);
    checkAnswer(opened, allZero);
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
    checkWritable(ordered);
    checkChangedPages(changedPages, opened, this.#pageSize);
    const placement: PlacementDescriptor = {
      ram,
      allZero,
      receivedPages: ordered.map((block) => DirtyBitmap.allocate(block.length / this.#pageSize).buffer),
      ...(changedPages === undefined
        ? {}
        : { changedPages: ordered.map((block) => bitmapOf(block, opened, changedPages)) }),
    };
    this.#placement = placement;
    return { type: 'ram', placement };
  }

  /** Checks the block list before anything is reserved for it: it comes from the source. */
  #checkSize(blocks: readonly IncomingBlock[]): void {
    if (blocks.length === 0) throw new MultifdError('protocol', 'the source announces no RAM block');
    const total = blocks.reduce((sum, block) => sum + block.length, 0);
    const most = this.#options.maxRam ?? MOST_RAM;
    if (total <= most) return;
    throw new MultifdError('incompatible', `the source announces ${total} bytes of RAM, at most ${most}`, {
      hint: 'allow more (maxRam) if that source is right',
    });
  }

  async #askForRam(
    blocks: readonly IncomingBlock[],
    ahead: number,
    machineType: string,
  ): Promise<IncomingRam> {
    if (this.#options.openRam !== undefined) return this.#options.openRam(blocks, ahead, machineType);
    return { blocks: allocateGuestRam(blocks, this.#pageSize).blocks, allZero: true };
  }

  result(
    machineType: string,
    received: ReceivedState,
    statistics: DestinationStatistics,
    guest: GuestPlace,
    tls: TlsPeer | undefined,
  ): ReceiveResult {
    const { ram, receivedPages } = this.#placement ?? {
      ram: { pageSize: this.#pageSize, blocks: [] },
      receivedPages: [],
    };
    const { configuration, sections: deviceState, beforeRam, early, bytes, vmdesc } = received;
    return {
      status: 'completed',
      guest,
      machineType,
      configuration,
      ram,
      receivedPages,
      deviceState,
      rawDeviceState: { beforeRam, early, bytes, vmdesc },
      statistics,
      tls,
    };
  }

  async commit(result: ReceiveResult): Promise<void> {
    await this.#options.commit?.(result);
  }

  async report(result: ReceiveResult): Promise<Uint8Array> {
    const report: unknown = await this.#options.report?.(result);
    const what = isBytes(report) ? `${report.length}` : kindOf(report);
    if (isBytes(report) && report.length <= MOST_REPORT) return report;
    throw new MultifdError(
      'guest',
      `the report callback must return a Uint8Array of at most ${MOST_REPORT} bytes, returned ${what}`,
    );
  }

  async close(): Promise<void> {}
}

function refuse(what: string): MultifdError {
  return new MultifdError('guest', `the openRam callback: ${what}`);
}

/** What `openRam` returned, whatever the types say. @throws MultifdError `guest`. */
function checkAnswer(blocks: unknown, allZero: unknown): void {
  if (!Array.isArray(blocks)) throw refuse(`blocks must be an array, is ${kindOf(blocks)}`);
  // Taken for true, memory that is not zero would show through the guest's zero pages.
  if (typeof allZero !== 'boolean') throw refuse(`allZero must be true or false, is ${kindOf(allZero)}`);
  const names = blocks.map((block: unknown) =>
    typeof block === 'object' && block !== null ? Reflect.get(block, 'name') : undefined,
  );
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(`block ${twice} comes twice`);
}

/** A bitmap that is too short would fail in the middle of a packet. @throws MultifdError `guest`. */
function checkChangedPages(changed: unknown, blocks: readonly IncomingBlock[], pageSize: number): void {
  if (changed === undefined) return;
  if (!Array.isArray(changed)) throw refuse(`changedPages must be an array, is ${kindOf(changed)}`);
  blocks.forEach(({ name, length }, index) => {
    const fault = bitmapFault(changed, index, length, pageSize);
    if (fault !== undefined) throw refuse(`block ${name}: its changedPages ${fault}`);
  });
}

/** Of bitmaps in the order of `blocks`. */
function bitmapOf(
  block: RamBlockDescriptor,
  blocks: readonly RamBlockDescriptor[],
  bitmaps: readonly SharedArrayBuffer[],
): SharedArrayBuffer {
  const bitmap = bitmaps[blocks.indexOf(block)];
  // Left out, all behind it would be taken for another block's.
  if (bitmap === undefined) throw new MultifdError('internal', `RAM block ${block.name}: no changedPages`);
  return bitmap;
}
