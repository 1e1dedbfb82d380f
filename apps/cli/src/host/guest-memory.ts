import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AcceleratorChoice,
  allocateGuestRam,
  type IncomingBlock,
  MultifdError,
  type RamBlockDescriptor,
} from '@multifd/core';
import { type MappedRam, mapRam } from '@multifd/host-linux';
import type { Backing, MappedBacking } from '../options/backing.js';
import { pathError } from '../system-error.js';
import type { HostChoice } from './choose-host.js';

/** A guest's memory in this process, owned by whoever made it. */
export interface GuestMemory {
  readonly backing: Backing;
  readonly blocks: readonly RamBlockDescriptor[];
  /** Bytes that the operating system really holds for it; undefined if it cannot be asked. */
  allocatedBytes(): number | undefined;
  /** Bytes of it that this process has in huge pages; undefined if it cannot be asked. */
  hugeBytes(): number | undefined;
  /** Gives up this owner's share: memory that a thread still has open stays until that closes it. */
  close(): void;
}

/**
 * Memory for `blocks`, zero and untouched.
 * @param backing undefined is `auto`: anonymous memory where the host has it, else WebAssembly memory.
 * @throws MultifdError `host-unavailable` for a mapping without a host that maps; `io`.
 */
export function allocateGuestMemory(
  blocks: readonly IncomingBlock[],
  backing: Backing | undefined,
  host: HostChoice,
  pageSize: number,
): GuestMemory {
  const wanted = backing ?? 'auto';
  if (wanted === 'wasm' || (wanted === 'auto' && host.module === undefined)) {
    const { blocks: made } = allocateGuestRam(blocks, pageSize);
    const unknown = () => undefined;
    return { backing: 'wasm', blocks: made, allocatedBytes: unknown, hugeBytes: unknown, close: () => {} };
  }
  checkBacking(wanted, host);
  return mapBlocks(blocks, wanted);
}

/**
 * Whether this host can make such memory: cheap, so it is asked before an accelerator is prepared.
 * @throws MultifdError `host-unavailable` for a mapping without a host that maps.
 */
export function checkBacking(backing: Backing, host: HostChoice): void {
  if (backing !== 'wasm' && backing !== 'auto' && host.module === undefined) throw noMapping(backing, host);
}

/** Memory of the kind that the accelerator checks in place, if it has one; unless another kind was asked for. */
export function chooseBacking(
  asked: Backing | undefined,
  accelerator: AcceleratorChoice | undefined,
  host: HostChoice,
): Backing {
  if (asked !== undefined && asked !== 'auto') return asked;
  return accelerator?.memory === 'wasm' || host.module === undefined ? 'wasm' : 'auto';
}

function mapBlocks(blocks: readonly IncomingBlock[], backing: MappedBacking): GuestMemory {
  const mappings: MappedRam[] = [];
  const close = () => {
    for (const mapping of mappings) mapping.close();
  };
  try {
    for (const block of blocks) mappings.push(mapBlock(block, backing));
  } catch (error) {
    close();
    throw error;
  }
  return {
    backing,
    blocks: mappings.map(({ descriptor }) => descriptor),
    allocatedBytes: () => total(mappings, (mapping) => mapping.allocatedBytes()),
    hugeBytes: () => total(mappings, (mapping) => mapping.hugeBytes()),
    close,
  };
}

/** A figure for a report: where the system does not say (no /proc, as in a sandbox), there is none. */
function total(
  mappings: readonly MappedRam[],
  bytesOf: (mapping: MappedRam) => number | undefined,
): number | undefined {
  try {
    return mappings.reduce<number | undefined>((sum, mapping) => {
      const bytes = bytesOf(mapping);
      return sum === undefined || bytes === undefined ? undefined : sum + bytes;
    }, 0);
  } catch (error) {
    if (MultifdError.is(error) && error.code === 'io') return undefined;
    throw error;
  }
}

function ownDirectory(block: string): string {
  try {
    return mkdtempSync(join(tmpdir(), 'multifd-guest-'));
  } catch (cause) {
    const { message } = pathError(cause, `RAM block ${block}: no file for it in ${tmpdir()}`);
    throw new MultifdError('io', message, {
      cause,
      hint: 'set TMPDIR to a directory that this user can write to',
    });
  }
}

function mapBlock({ name, length }: IncomingBlock, backing: MappedBacking): MappedRam {
  if (backing !== 'file') return mapRam({ name, length, kind: backing });
  // A file that has no name once it is mapped: nothing of it stays, however this process ends.
  const directory = ownDirectory(name);
  try {
    const path = join(directory, 'ram');
    const fd = openSync(path, 'wx', 0o600);
    try {
      ftruncateSync(fd, length);
    } finally {
      closeSync(fd);
    }
    // By its path: a descriptor could be opened once more only where there is a /proc.
    return mapRam({ name, length, kind: 'file', file: path });
  } catch (cause) {
    throw MultifdError.from(cause, 'io', `RAM block ${name}: no file for it in ${tmpdir()}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function noMapping(
  backing: Exclude<MappedBacking, 'auto'>,
  { requested, refused }: HostChoice,
): MultifdError {
  const why = requested === 'none' ? '--host is none' : (refused?.reason ?? 'it is not there');
  return new MultifdError('host-unavailable', `backing ${backing} needs host-linux: ${why}`, {
    hint: refused?.fix ?? 'omit --host, or use backing=wasm',
  });
}
