/** What is compared with QEMU: guests, and who moves them. */
import { GIB } from './figures.mjs';

const untouched = [1, 2, 4].map((channels) => ({
  id: `100 GiB untouched, ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
  group: 'untouched',
  size: 100 * GIB,
  content: 'untouched',
  channels,
  compression: 'none',
  detection: 'multifd',
  // Page tables, and what the processes themselves take.
  touches: GIB,
}));

/** 4 GiB in shared memory, every page of it written. */
const written = (content, detection, channels) => ({
  id: `4 GiB ${content}${detection === 'none' ? ', detection none' : ''}, ${channels} channels`,
  group: 'written',
  size: 4 * GIB,
  content,
  channels,
  compression: 'none',
  detection,
  touches: 5 * GIB,
});

const compress = (content, compression, level, size) => ({
  id: `${size / GIB} GiB ${content}, ${compression}${level === 0 ? '' : `, level ${level}`}`,
  group: 'compression',
  size,
  content,
  channels: 2,
  compression,
  detection: 'multifd',
  touches: 2 * GIB,
  ...(level === 0 ? {} : { level }),
});

const compressed = ['text', 'mixed', 'random'].flatMap((content) => [
  compress(content, 'none', 0, GIB),
  compress(content, 'zlib', 1, GIB),
  compress(content, 'zstd', 1, GIB),
  compress(content, 'zlib', 6, GIB),
  compress(content, 'zstd', 6, GIB),
]);

/** Below a second, where the machine's noise is as large as what `auto` may cost. */
const SHORT_TURNS = 9;

const chosen = [
  { content: 'random', limit: 0 },
  { content: 'text', limit: 0 },
  { content: 'random', limit: 100 * 2 ** 20 },
  { content: 'text', limit: 100 * 2 ** 20 },
].map(({ content, limit }) => ({
  id: `auto: 1 GiB ${content}, limit ${limit}`,
  group: 'auto',
  size: GIB,
  content,
  limit,
  channels: 2,
  detection: 'multifd',
  touches: 2 * GIB,
  ...(limit === 0 ? { repeats: SHORT_TURNS } : {}),
}));

export const plan = [
  ...untouched,
  written('random', 'multifd', 2),
  written('random', 'none', 2),
  written('half', 'multifd', 2),
  written('zero', 'multifd', 2),
  ...compressed,
  ...chosen,
];

/**
 * Who moves a guest: what is left out has nothing to add.
 * @param qemus `{ binary, version }` of each QEMU that is here.
 */
export function sides(guest, qemus) {
  const multifd = (side, args, target) => ({ ...guest, side, args, target });
  if (guest.group === 'auto') {
    const limit = ['--max-bandwidth', `${guest.limit}`];
    return ['none', 'auto'].map((compression) => ({ ...multifd(compression, limit, 'memory'), compression }));
  }
  const peers = qemus.map(({ binary, version }) => ({ ...guest, side: `QEMU ${version}`, binary }));
  const ours = multifd('multifd', [], 'memory');
  if (guest.group === 'compression') return [...peers.slice(0, 1), ours];
  if (guest.group !== 'written') return [...peers, ours];
  const small = multifd('multifd, small pages', [], 'memory:anon');
  const alone = multifd('multifd, --host none', ['--host', 'none'], 'memory');
  return guest.content === 'random' ? [...peers, ours, small, alone] : [...peers, ours, small];
}
