import { MultifdError } from '@multifd/core';
import type { NamedSnapshot, Store } from '@multifd/store';
import type { ExitCode } from '../../exit-codes.js';
import { storeObjects } from '../../images/store-objects.js';
import { parseStoreDirectory, parseStorePlace } from '../../options/store-place.js';
import { formatBytes, plain } from '../../report/format.js';
import { runStore, type StoreOptions } from './run.js';

/** `multifd store ls`: a line for each snapshot. */
export async function listCommand(dir: string, options: StoreOptions): Promise<ExitCode> {
  return runStore('ls', options, async () => {
    const directory = parseStoreDirectory(dir);
    const store = await openStore(directory);
    const snapshots: NamedSnapshot[] = [];
    const faults: MultifdError[] = [];
    for (const name of await store.names()) {
      try {
        snapshots.push(await store.snapshot(name));
      } catch (caught) {
        faults.push(MultifdError.from(caught, 'internal', name));
      }
    }
    const members = {
      store: directory,
      snapshots: snapshots.map(describe),
      damaged: faults.map(({ message }) => message),
    };
    const [first] = faults;
    return { members, text: table(snapshots), ...(first === undefined ? {} : { error: first }) };
  });
}

/** `multifd store show`: all that is known of a snapshot. */
export async function showCommand(snapshot: string, options: StoreOptions): Promise<ExitCode> {
  return runStore('show', options, async () => {
    const { directory, name } = parseStorePlace(snapshot, 'snapshot');
    const found = await (await openStore(directory)).snapshot(name);
    const { head, packs } = found;
    const members = {
      store: directory,
      ...describe(found),
      'page-size': head.pageSize,
      'chunk-size': head.chunkSize,
      packs: packs.length,
      'device-state': {
        'before-ram': head.devices.beforeRam,
        early: head.devices.early,
        rest: head.devices.rest,
        described: head.devices.described,
      },
      blocks: head.blocks.map((block, index) => ({ ...block, content: contentOf(found, index) })),
    };
    return { members, text: details(found) };
  });
}

export async function openStore(directory: string): Promise<Store> {
  const { Store } = await import('@multifd/store');
  return Store.open(await storeObjects(directory));
}

function describe({ name, id, head, size }: NamedSnapshot) {
  return {
    name,
    id,
    time: head.time,
    'machine-type': head.machineType,
    uuid: head.uuid,
    parent: head.parent,
    ram: ramOf(head.blocks),
    content: head.content,
    added: head.added,
    stored: head.stored,
    size,
  };
}

function ramOf(blocks: readonly { readonly size: number }[]): number {
  return blocks.reduce((sum, { size }) => sum + size, 0);
}

/** Bytes of a block in chunks that are not zero. */
function contentOf({ head, runs }: NamedSnapshot, index: number): number {
  const block = runs[index];
  const size = head.blocks[index]?.size ?? 0;
  let bytes = 0;
  for (let each = 0; block !== undefined && each < block.runs; each++) {
    const { start, end, pack } = block.run(each);
    if (pack > 0) bytes += Math.min(size, end * head.chunkSize) - start * head.chunkSize;
  }
  return bytes;
}

const COLUMNS = ['NAME', 'TIME', 'RAM', 'CONTENT', 'STORED', 'PARENT', 'MACHINE'] as const;

function table(snapshots: readonly NamedSnapshot[]): string {
  const rows = snapshots.map(({ name, head, size }) => [
    name,
    head.time.replace(/\.\d+Z$/, 'Z'),
    formatBytes(ramOf(head.blocks)),
    formatBytes(head.content),
    formatBytes(head.stored + size),
    head.parent?.name ?? '-',
    plain(head.machineType),
  ]);
  const all = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function details(snapshot: NamedSnapshot): string {
  const { name, id, head, size, packs } = snapshot;
  const { devices, parent } = head;
  const state = devices.beforeRam + devices.early + devices.rest;
  const lines = [
    `snapshot   ${name}`,
    `id         ${id}`,
    `time       ${plain(head.time)}`,
    `machine    ${plain(head.machineType)}`,
    `uuid       ${head.uuid ?? 'none'}`,
    `parent     ${parent === null ? 'none' : `${parent.name} (${parent.id.slice(0, 12)})`}`,
    `devices    ${formatBytes(state)}${devices.described ? ', described' : ''}`,
    `RAM        ${formatBytes(ramOf(head.blocks))}, ${formatBytes(head.content)} in chunks with content`,
    `added      ${formatBytes(head.added)} that the store did not have, stored as ${formatBytes(head.stored)}, and ${formatBytes(size)} for itself`,
    `packs      ${packs.length}`,
    ...head.blocks.map(
      (block, index) =>
        `block      ${plain(block.name)}: ${formatBytes(block.size)}, ${formatBytes(contentOf(snapshot, index))} with content`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
