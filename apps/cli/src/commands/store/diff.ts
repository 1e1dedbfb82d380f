import type { Difference } from '@multifd/store';
import type { ExitCode } from '../../exit-codes.js';
import { openStoreSource } from '../../images/store-source.js';
import { parseStorePlace } from '../../options/store-place.js';
import { formatBytes, plain } from '../../report/format.js';
import { runStore, type StoreOptions } from './run.js';

/** `multifd store diff`: what differs between two snapshots, of one store or two. */
export async function diffCommand(from: string, to: string, options: StoreOptions): Promise<ExitCode> {
  return runStore('diff', options, async (signal, terminal) => {
    const places = [from, to].map((text) => parseStorePlace(text, 'snapshot'));
    const open: Awaited<ReturnType<typeof openStoreSource>>[] = [];
    try {
      for (const place of places) open.push(await openStoreSource(place, 'a diff of', signal));
      const [a, b] = open;
      if (a === undefined || b === undefined) throw new Error('two snapshots were opened');
      for (const { reading } of open) if (reading.note !== undefined) terminal.note(reading.note);
      const { diffSnapshots } = await import('@multifd/store');
      const difference = await diffSnapshots(a.stored, b.stored, signal);
      const pageSize = a.stored.ram.pageSize;
      return { members: { from, to, ...members(difference, pageSize) }, text: text(difference, pageSize) };
    } finally {
      for (const each of open) await each.close();
    }
  });
}

function members({ blocks, machineType, deviceState }: Difference, pageSize: number) {
  return {
    'machine-type-differs': machineType,
    'device-state-differs': deviceState,
    'page-size': pageSize,
    pages: blocks.reduce((sum, { pages }) => sum + pages, 0),
    blocks: blocks.map(({ name, sizes, pages, ranges, more }) => ({
      name,
      'from-size': sizes[0],
      'to-size': sizes[1],
      pages,
      ranges: ranges.map(([start, end]) => ({ offset: start, length: end - start })),
      'more-ranges': more,
    })),
  };
}

function text({ blocks, machineType, deviceState }: Difference, pageSize: number): string {
  const lines = blocks.map(({ name, sizes, pages, ranges, more }) => {
    const block = `block ${plain(name)}`;
    const [a, b] = sizes;
    if (a === null || b === null) return `${block}: only in the ${a === null ? 'second' : 'first'} snapshot`;
    const size = a === b ? '' : `, ${formatBytes(a)} and ${formatBytes(b)}`;
    if (pages === 0) return `${block}${size}: no page differs`;
    const runs = ranges.length + more;
    const where = runs === 1 ? '1 range' : `${runs} ranges`;
    return `${block}${size}: ${pages} ${pages === 1 ? 'page differs' : 'pages differ'} (${formatBytes(pages * pageSize)}), in ${where}`;
  });
  const all = [
    ...lines,
    `device state: ${deviceState ? 'differs' : 'the same'}`,
    ...(machineType ? ['machine type: differs'] : []),
  ];
  return `${all.join('\n')}\n`;
}
