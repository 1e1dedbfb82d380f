import {
  type DeviceSection,
  type IncomingBlock,
  MultifdError,
  type RawDeviceState,
  type StreamConfiguration,
} from '@multifd/core';
import { readConfiguration, readFileHeader } from '@multifd/core/wire';
import { locateStream, type StreamPlace } from '../container/locate.js';
import { packedError } from '../container/packed.js';
import { devicesOf } from '../mapped-ram/guest.js';
import { FileSource } from './byte-source.js';
import type { RamSink } from './file-ram.js';
import { FileReader } from './file-reader.js';
import { type ReadOptions, readInSteps, readMigrationFile } from './read.js';

/** A guest that lies in a single stream: its pages come in the order in which they were sent. */
export interface StreamGuest {
  readonly machineType: string;
  readonly configuration: StreamConfiguration;
  /** Bytes. */
  readonly pageSize: number;
  readonly blocks: readonly IncomingBlock[];
  readonly deviceState: readonly DeviceSection[] | undefined;
  readonly rawDeviceState: RawDeviceState & { readonly vmdesc: string | undefined };
  /** Bytes of the file behind the stream: QEMU does not need them. */
  readonly bytesBehind: number;
  /**
   * Passes on all pages; those of which nothing comes are zero. Yields the byte of the file that comes next, now and then:
   * it is the caller who goes on.
   * @throws WireError `incompatible` for pages that cannot be read (XBZRLE); MultifdError `io`; what the sink throws.
   */
  readRam(sink: RamSink): Generator<number, void>;
}

/**
 * How the pages stand in a migration file. Reads nothing behind its configuration.
 * @throws WireError for a file that is none; MultifdError `usage` for what is known to be another kind of file, or is packed; `io`.
 */
export function formatOf(path: string, options: ReadOptions = {}): 'mapped-ram' | 'stream' {
  return reading(path, (source) => {
    const reader = new FileReader(source, placeOf(source, options).offset);
    reader.run(readFileHeader(reader));
    const { record } = reader.run(readConfiguration(reader, undefined));
    return record.capabilities.includes('mapped-ram') ? 'mapped-ram' : 'stream';
  });
}

/**
 * Opens a single stream: QEMU's `migrate file:...` without mapped-ram or `exec:cat > ...`, or libvirt's `raw` save image.
 * The file must stay as it is while its guest is in use.
 * @throws as `formatOf`; MultifdError `incompatible` for a stream that leaves pages out.
 */
export function openStream(path: string, options: ReadOptions = {}): StreamGuest {
  const { file, offset } = reading(path, (source) => {
    const { offset } = placeOf(source, options);
    return { file: readMigrationFile(source, { ...options, offset }), offset };
  });
  const without = file.capabilities.find((name) => name === 'x-ignore-shared' || name === 'mapped-ram');
  if (without !== undefined) {
    throw new MultifdError('incompatible', `${path}: written with the capability ${without}`, {
      hint: `have QEMU write the file without ${without}`,
    });
  }
  return {
    machineType: file.machineType,
    configuration: {
      ...(file.targetPageBits === undefined ? {} : { targetPageBits: file.targetPageBits }),
      ...(file.uuid === undefined ? {} : { uuid: file.uuid }),
    },
    pageSize: file.pageSize,
    blocks: file.blocks.map(({ name, length }) => ({ name, length })),
    deviceState: devicesOf(file),
    rawDeviceState: {
      beforeRam: file.beforeRam,
      early: file.earlyState,
      bytes: file.deviceState,
      vmdesc: file.vmdesc,
    },
    bytesBehind: file.bytesBehind,
    *readRam(sink) {
      const source = new FileSource(path);
      try {
        yield* readInSteps(source, { ...options, offset }, sink);
      } finally {
        source.close();
      }
    },
  };
}

function reading<T>(path: string, read: (source: FileSource) => T): T {
  const source = new FileSource(path);
  try {
    return read(source);
  } finally {
    source.close();
  }
}

function placeOf(source: FileSource, options: ReadOptions): StreamPlace {
  const place = locateStream(source, options.offset);
  const { compression } = place;
  if (compression === undefined) return place;
  throw packedError(source, place, compression, 'read');
}
