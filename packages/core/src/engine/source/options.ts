import { MultifdError } from '../../errors.js';
import { isBytes, kindOf, shown } from '../../given.js';
import { channelThreads } from '../../limits/channel-threads.js';
import type { MigrationParameters } from '../../parameters.js';
import { checkGuestRam } from '../../ram/guest-ram.js';
import type { SendSideOptions } from '../../send/side.js';
import { type Address, parseAddress } from '../../transport/address.js';
import { canShare } from '../../transport/can-share.js';
import type { MigrationIo } from '../../transport/socket-io.js';
import type { ClientTls } from '../../transport/tls/credentials.js';
import { checkClientTls } from '../../transport/tls/options.js';
import { isPageSize } from '../../wire/layout.js';
import type { StreamConfiguration } from '../../wire/main/configuration.js';
import type { Configuration } from '../../wire/main/encode.js';
import { isName, NAME_RULE } from '../../wire/text.js';
import type { AcceleratorReference } from '../../zero/accelerator.js';
import { readAccelerator } from '../../zero/option.js';
import type { Guest, MigrateOptions } from '../api.js';
import { parametersFor } from '../machine-compat.js';
import type { SourceBitmaps } from './bitmaps.js';
import type { SourceMigrationData } from './messages.js';

/** Options of `migrate`, complete and checked. */
export interface CheckedSource {
  readonly address: Address;
  readonly tls: ClientTls | undefined;
  readonly parameters: MigrationParameters;
  readonly uuid: Uint8Array;
  readonly configuration: Configuration;
  readonly live: boolean;
  readonly accelerator: AcceleratorReference | undefined;
  readonly fallbacks: readonly AcceleratorReference[];
  readonly isProbed: boolean;
}

/** @throws MultifdError `usage`, or `accelerator-unavailable` if a check is asked for without an accelerator. */
export function checkSource(options: MigrateOptions): CheckedSource {
  const machineType = options.guest.machineType ?? 'none';
  if (!isName(machineType))
    throw new MultifdError('usage', `machineType must be ${NAME_RULE}, is ${shown(machineType)}`);
  const parameters = parametersFor(machineType, options.parameters);
  const address = parseAddress(options.to);
  if (address.kind === 'tcp' && address.port === 0) {
    throw new MultifdError('usage', `address ${options.to}: a destination has a port above 0`);
  }
  checkClientTls(options.tls, address);
  const { guest } = options;
  if (!isPageSize(guest.ram.pageSize)) {
    throw new MultifdError(
      'usage',
      `page size ${guest.ram.pageSize}: must be a power of two from 4096 to 65536`,
    );
  }
  checkGuestRam(guest.ram);
  if (parameters.autoConverge && guest.ram.dirty !== undefined && guest.throttle === undefined) {
    throw new MultifdError('usage', 'autoConverge slows the guest down, and guest.throttle is not given', {
      hint: 'give the callback, or leave autoConverge out',
    });
  }
  const { accelerator, fallbacks, isProbed } = readAccelerator(options.accelerator, options.fallbacks);
  if (parameters.zeroPageDetection !== 'none' && accelerator === undefined) {
    throw new MultifdError(
      'accelerator-unavailable',
      `zeroPageDetection ${parameters.zeroPageDetection} needs an accelerator and none was given`,
      { hint: "give accelerator: { module: import.meta.resolve('@multifd/accel-js'), name: 'js' }" },
    );
  }
  return {
    address,
    tls: options.tls,
    parameters,
    uuid: checkUuid(guest.uuid),
    configuration: { machineType, ...checkConfiguration(guest) },
    live: guest.ram.dirty !== undefined,
    accelerator,
    fallbacks,
    isProbed,
  };
}

/** Arguments of the sending side. */
export function sideOptions(
  { guest, methodModules = [], methodSettings = {} }: MigrateOptions,
  { address, tls, parameters, uuid, accelerator, fallbacks, isProbed }: CheckedSource,
  io: MigrationIo | undefined,
): SendSideOptions {
  const { pageSize } = guest.ram;
  const channels = { channelName: 'channel', entry: 'source-channel' } as const;
  const threads = channelThreads(parameters.multifdChannels, canShare(tls, io?.link));
  return {
    address,
    tls,
    parameters,
    uuid,
    pageSize,
    accelerator,
    fallbacks,
    isProbed,
    methodModules,
    methodSettings,
    io,
    ...channels,
    threads,
  };
}

/** What the migration thread is told of the options. */
export function migrationData(
  { guest, requestReport = false }: MigrateOptions,
  { configuration, live }: CheckedSource,
  { dirty }: SourceBitmaps,
): Pick<SourceMigrationData, 'configuration' | 'live' | 'dirty' | 'requestReport' | 'asksIntact'> {
  return {
    configuration,
    live,
    dirty: dirty.map((bitmap) => bitmap.buffer),
    requestReport,
    asksIntact: guest.intact !== undefined,
  };
}

/** @throws MultifdError `usage` for page bits that are not the guest's, or an invalid uuid. */
function checkConfiguration({ configuration, ram: { pageSize } }: Guest): StreamConfiguration {
  // QEMU names the page size only where the target can have several (docs/wire.md, 2.2).
  if (configuration === undefined) return pageSize === 4096 ? {} : { targetPageBits: Math.log2(pageSize) };
  const { targetPageBits, uuid } = configuration;
  if (targetPageBits !== undefined && 2 ** targetPageBits !== pageSize) {
    throw new MultifdError('usage', `target page bits ${targetPageBits}, and pages of ${pageSize} bytes`);
  }
  return {
    ...(targetPageBits === undefined ? {} : { targetPageBits }),
    ...(uuid === undefined ? {} : { uuid: checkUuid(uuid) }),
  };
}

/** @throws MultifdError `usage` unless it is 16 bytes; absent is all zero, which means none. */
export function checkUuid(uuid: Uint8Array | undefined): Uint8Array {
  if (uuid === undefined) return new Uint8Array(16);
  if (!isBytes(uuid))
    throw new MultifdError('usage', `a uuid is a Uint8Array of 16 bytes, got ${kindOf(uuid)}`);
  if (uuid.length !== 16) throw new MultifdError('usage', `a uuid has 16 bytes, got ${uuid.length}`);
  return uuid;
}
