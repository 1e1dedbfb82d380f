import { setImmediate } from 'node:timers/promises';
import { type GuestRamDescriptor, MultifdError, openRamBlock } from '@multifd/core';
import { formatOf, openStream, type StreamGuest } from '@multifd/qemu';
import { copyRam } from '../images/copy-ram.js';
import { findFile, openFileSource, usersMistake } from '../images/file-source.js';
import { SourceFile } from '../images/source-file.js';
import type { RestingRam } from './resting-ram.js';

/**
 * Opens a migration file, with mapped-ram or as a single stream.
 * @param place a path, or `PATH,offset=N`.
 * @throws MultifdError `usage`, `incompatible`, `io`.
 */
export function openFileRam(place: string): RestingRam {
  const { path, offset } = findFile(place);
  const options = offset === undefined ? {} : { offset };
  try {
    return formatOf(path, options) === 'mapped-ram' ? openMapped(place) : openSingle(path, options);
  } catch (error) {
    throw usersMistake(path, error);
  }
}

function openMapped(place: string): RestingRam {
  const { file, ram, machineType, configuration, deviceState, rawDeviceState } = openFileSource(place);
  return {
    place,
    ram,
    machineType,
    configuration,
    deviceState,
    rawDeviceState,
    pageSize: ram.pageSize,
    blocks: ram.blocks.map(({ name, length }) => ({ name, length })),
    fds: [file.fd],
    notes: notesOf(file, deviceState),
    async copy(target, signal, progress) {
      await copyRam(ram, target, signal, progress);
    },
    check: () => file.check(),
    close: () => file.close(),
  };
}

function openSingle(path: string, options: { readonly offset?: number }): RestingRam {
  const file = new SourceFile(path);
  try {
    const stream = openStream(path, options);
    const { machineType, configuration, deviceState, rawDeviceState, pageSize, blocks } = stream;
    return {
      place: path,
      ram: undefined,
      machineType,
      configuration,
      deviceState,
      rawDeviceState,
      pageSize,
      blocks,
      fds: [file.fd],
      notes: notesOf(file, deviceState),
      copy: (ram, signal, progress) =>
        copyStream(stream, ram, signal, (at) => progress(at / file.size)).catch((error: unknown) => {
          throw usersMistake(path, error);
        }),
      check: () => file.check(),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function copyStream(
  { blocks, pageSize, readRam }: StreamGuest,
  ram: GuestRamDescriptor,
  signal: AbortSignal,
  progress: (at: number) => void,
): Promise<void> {
  const opened = await Promise.all(ram.blocks.map(openRamBlock));
  const targets = new Map(blocks.map(({ name }, index) => [name, opened[index]]));
  const zeros = new Uint8Array(pageSize);
  const steps = readRam({
    page(name, offset, data, again) {
      if (again || Buffer.compare(data, zeros) !== 0) targets.get(name)?.write(offset, data);
    },
    zero: (name, offset) => targets.get(name)?.write(offset, zeros),
  });
  try {
    for (const at of steps) {
      progress(at);
      // Signals and the progress line.
      await setImmediate();
      if (signal.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
    }
  } finally {
    for (const block of opened) block.close();
  }
}

function notesOf(file: SourceFile, deviceState: unknown): string[] {
  const warning = file.warning();
  return [
    ...(warning === undefined ? [] : [warning]),
    ...(deviceState === undefined
      ? [`${file.path} does not describe its devices: the registers of the processors are not in the dump`]
      : []),
  ];
}
