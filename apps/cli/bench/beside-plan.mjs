/** What is compared with QEMU: guests, and who moves them. */
import { GIB } from './figures.mjs';

const untouched = [1, 2, 4].map((channels) => ({
  id: `100 GiB untouched, ${channels} channels`,
  group: 'untouched',
  size: 100 * GIB,
  content: 'untouched',
  channels,
  compression: 'none',
  detection: 'multifd',
}));

const full = ['none', 'multifd'].map((detection) => ({
  id: `4 GiB none zero, detection ${detection}`,
  group: 'full',
  size: 4 * GIB,
  content: 'random',
  channels: 2,
  compression: 'none',
  detection,
}));

const compress = (content, compression, level, size) => ({
  id: `${size / GIB} GiB ${content}, ${compression}${level === 0 ? '' : `, level ${level}`}`,
  group: 'compression',
  size,
  content,
  channels: 2,
  compression,
  detection: 'multifd',
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
  ...(limit === 0 ? { repeats: SHORT_TURNS } : {}),
}));

export const plan = [...untouched, ...full, ...compressed, ...chosen];

/** Who moves a guest: what is left out has nothing to add. */
export function sides(guest) {
  if (guest.group === 'auto') {
    const limit = ['--max-bandwidth', `${guest.limit}`];
    return ['none', 'auto'].map((compression) => ({ ...guest, side: compression, compression, args: limit }));
  }
  const both = [
    { ...guest, side: 'qemu', args: [] },
    { ...guest, side: 'multifd', args: ['--host', 'auto'] },
  ];
  return guest.group === 'full'
    ? [...both, { ...guest, side: 'multifd, --host none', args: ['--host', 'none'] }]
    : both;
}
