import { join } from 'node:path';
import {
  type Guest,
  type IncomingRam,
  type MigrateResult,
  MultifdError,
  openRamBlock,
  type RamBlockDescriptor,
  receive,
  startMigration,
} from '@multifd/core';
import { allocate, type Memory } from './guest.ts';
import type { HopPlan } from './plan.ts';

const HOST = import.meta.resolve('@multifd/host-linux');
const CODECS = ['@multifd/codec-zlib', '@multifd/codec-zstd'].map((name) => import.meta.resolve(name));
/** ms that a running guest has to converge: much more than it needs. */
const TIMEOUT = 120_000;

export interface Hop {
  /** Where the guest is now. */
  readonly memory: Memory;
  readonly statistics: MigrateResult['statistics'];
}

/** Moves a guest into new memory, and compares every byte. The source's memory stays its owner's. */
export async function move(guest: Guest, plan: HopPlan, folder: string): Promise<Hop> {
  let memory: Memory | undefined;
  const incoming = await open(plan, folder, (made) => {
    memory = made;
  });
  try {
    const migration = await startMigration({ guest, ...sourceOptions(plan, incoming.address) });
    const [sent, received] = await Promise.all([migration.result, incoming.result]);
    if (memory === undefined) throw new Error('no memory was asked for');
    await compare(guest.ram.blocks, received.ram.blocks);
    return { memory, statistics: sent.statistics };
  } catch (error) {
    incoming.close();
    await incoming.result.catch(() => {});
    memory?.close();
    throw error;
  }
}

/**
 * A migration that is cancelled, at any moment; the guest runs on here.
 * @returns where the guest is, if it had left before; undefined if it was in time.
 */
export async function moveAndCancel(guest: Guest, plan: HopPlan, folder: string): Promise<Hop | undefined> {
  let memory: Memory | undefined;
  const incoming = await open(plan, folder, (made) => {
    memory = made;
  });
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(), plan.cancelAfter);
  const received = incoming.result.catch(() => undefined);
  try {
    const options = { guest, ...sourceOptions(plan, incoming.address), signal: cancel.signal };
    const sent = await startMigration(options).then(({ result }) => result);
    const there = await incoming.result;
    if (memory === undefined) throw new Error('no memory was asked for');
    await compare(guest.ram.blocks, there.ram.blocks);
    return { memory, statistics: sent.statistics };
  } catch (error) {
    incoming.close();
    await received;
    memory?.close();
    if (!MultifdError.is(error) || error.code !== 'cancelled') throw error;
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function open(plan: HopPlan, folder: string, made: (memory: Memory) => void) {
  const { channels, compression, backing, unixSocket, socketIo } = plan;
  return receive({
    listen: unixSocket ? `unix:${join(folder, 'socket')}` : 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: channels, multifdCompression: compression },
    methodModules: CODECS,
    ...(socketIo.destination ? { socketIo: HOST } : {}),
    openRam: (blocks): IncomingRam => {
      const memory = allocate(blocks, backing, folder);
      made(memory);
      return { blocks: memory.blocks, allZero: true };
    },
  });
}

function sourceOptions(plan: HopPlan, to: string) {
  const { channels, compression, detection, accelerator, flushAfterEachSection, socketIo } = plan;
  return {
    to,
    methodModules: CODECS,
    ...(detection === 'none' ? {} : { accelerator }),
    ...(socketIo.source ? { socketIo: HOST } : {}),
    parameters: {
      multifdChannels: channels,
      multifdCompression: compression,
      zeroPageDetection: detection,
      multifdFlushAfterEachSection: flushAfterEachSection,
      downtimeLimit: 300,
      timeout: TIMEOUT,
    },
  };
}

/** @throws Error that names the first page that differs. */
async function compare(
  before: readonly RamBlockDescriptor[],
  after: readonly RamBlockDescriptor[],
): Promise<void> {
  for (const descriptor of before) {
    const other = after.find(({ name }) => name === descriptor.name);
    if (other?.length !== descriptor.length) throw new Error(`RAM block ${descriptor.name} has not arrived`);
    const [left, right] = await Promise.all([openRamBlock(descriptor), openRamBlock(other)]);
    try {
      const size = Math.min(left.windowSize, right.windowSize);
      const scratch = [new Uint8Array(0), new Uint8Array(0)] as const;
      for (let at = 0; at < left.length; at += size) {
        const length = Math.min(size, left.length - at);
        const [a, b] = [left.read(at, length, scratch[0]), right.read(at, length, scratch[1])];
        if (Buffer.compare(a, b) === 0) continue;
        const byte = a.findIndex((value, index) => value !== b[index]);
        const page = Math.floor((at + byte) / 4096);
        throw new Error(`RAM block ${descriptor.name}: page ${page} is not what it was`);
      }
    } finally {
      left.close();
      right.close();
    }
  }
}
