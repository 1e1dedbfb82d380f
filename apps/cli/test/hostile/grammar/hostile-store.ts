import { zstdCompressSync } from 'node:zlib';
import type { Random } from '@multifd/testing/random';
import { NASTY_NAMES, NASTY_U32, NASTY_U64, pick, u32 } from './bytes.ts';
import { HEAD, json, LEASE, run, STORE } from './store.ts';
import type { Hostile } from './twist.ts';

const CHUNK = 65_536;

/** A number of JSON's, as text: no reader may take it for a count. */
const NASTY_NUMBERS = [
  ...[
    '0',
    '-1',
    '1.5',
    '-0',
    '1e400',
    '4097',
    '65535',
    '65536',
    '2147483648',
    '4294967296',
    '9007199254740991',
  ],
  ...['9007199254740992', '140737488355328', '18446744073709551616', 'null', '"1"', '[]', '{}', 'true'],
];
const nastyText = (random: Random): string =>
  pick(random, [
    JSON.stringify(Buffer.from(pick(random, NASTY_NAMES)).toString()),
    JSON.stringify('x'.repeat(100_000)),
    ...['null', '0', '{}', '[]', '"\\ud800"'],
  ]);

/** An object of JSON with one member, at any depth, that says something else; the others stay. */
function withMember(
  random: Random,
  document: object,
  changes: Readonly<Record<string, string>> = {},
): Uint8Array {
  const text = JSON.stringify(document);
  const members = [...text.matchAll(/"([\w-]+)":("[^"]*"|[\d.]+|null|true|false)/g)];
  const found = pick(random, members);
  const [whole, name = '', value = ''] = found;
  const made = changes[name] ?? (value.startsWith('"') ? nastyText(random) : pick(random, NASTY_NUMBERS));
  const at = found.index;
  return Buffer.from(`${text.slice(0, at)}"${name}":${made}${text.slice(at + whole.length)}`);
}

const BLOCKS = [
  { name: 'pc.ram', size: 6 * CHUNK + 12_288, runs: 7 },
  { name: 'pc.bios', size: 20_480, runs: 1 },
];
const WHOLE = { ...HEAD, blocks: BLOCKS, packs: 3 };

const NO_OBJECTS: readonly string[] = [
  ...['', '{', '[]', 'null', '"x"', '{"__proto__":{"kind":"use"}}', '{"constructor":1}', '\ufeff{}'],
  `${'['.repeat(200_000)}`,
  `{"a":${'{"a":'.repeat(50_000)}`,
  '0'.repeat(70_000),
];

const noObject = (random: Random): Uint8Array => Buffer.from(pick(random, NO_OBJECTS));

/** By the name of a production: what stands in its place, or beside it. */
export const HOSTILE_STORE: Hostile = {
  store: [
    noObject,
    (random) => withMember(random, STORE),
    (random) => withMember(random, STORE),
    () => json({ ...STORE, 'format-version': 2 }),
  ],
  lease: [
    noObject,
    (random) => withMember(random, LEASE),
    (random) => withMember(random, LEASE),
    // Of a clock that is far ahead, and of one that never was.
    () => json({ ...LEASE, expires: 8.64e15 }),
    () => json({ ...LEASE, expires: 8.65e15 }),
    () => json({ ...LEASE, purpose: 'a\nmultifd: completed\u001b[2J' }),
  ],
  'pack count': [(random) => u32(pick(random, NASTY_U32)), () => u32(65_536), () => u32(65_537)],
  'pack entry': [
    (random) => Buffer.concat([random.bytes(32), u32(pick(random, NASTY_U32)), u32(CHUNK)]),
    (random) => Buffer.concat([random.bytes(32), u32(CHUNK), u32(pick(random, NASTY_U32))]),
    (random) => Buffer.concat([random.bytes(32), u32(100), u32(CHUNK)]),
    (random) => random.bytes(39),
  ],
  chunk: [
    (random) => random.bytes(random.int(CHUNK) + 1),
    () => new Uint8Array(0),
    // A bomb, one that says its length and one that does not.
    () => zstdCompressSync(new Uint8Array(64 * 2 ** 20)),
    () => zstdCompressSync(new Uint8Array(CHUNK + 1)),
    () => zstdCompressSync(new Uint8Array(CHUNK - 1)),
    () => Buffer.concat([zstdCompressSync(new Uint8Array(8)), zstdCompressSync(new Uint8Array(CHUNK - 8))]),
    // A frame that is to be skipped, and is longer than all there is.
    () => Buffer.concat([Buffer.from('502a4d18ffffffff', 'hex'), Buffer.alloc(20)]),
    () => Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(30, 0xff)]),
  ],
  'head length': [(random) => u32(pick(random, NASTY_U32)), () => u32(2 ** 20), () => u32(2 ** 20 + 1)],
  head: [
    noObject,
    (random) => withMember(random, WHOLE),
    (random) => withMember(random, WHOLE),
    (random) => withMember(random, WHOLE),
    (random) => {
      const block = withMember(random, BLOCKS[random.int(2)] ?? {});
      return withBlocks(`[${Buffer.from(block)},${JSON.stringify(BLOCKS[1])}]`);
    },
    (random) => {
      const name = JSON.stringify(Buffer.from(pick(random, NASTY_NAMES)).toString());
      return withBlocks(JSON.stringify(BLOCKS).replace('"pc.bios"', name));
    },
    () => withBlocks('[]'),
    () => withBlocks(JSON.stringify([BLOCKS[0], BLOCKS[0]])),
    () =>
      withBlocks(
        JSON.stringify(Array.from({ length: 1025 }, (_, at) => ({ name: `b${at}`, size: 4096, runs: 0 }))),
      ),
    // As large as nobody has: a number of runs that would be many bytes, and none of them is there.
    (random) =>
      withBlocks(`[{"name":"pc.ram","size":140737488355328,"runs":${pick(random, [0, 1, 2 ** 31])}}]`),
    (random) => withBlocks(`[{"name":"pc.ram","size":${pick(random, NASTY_U64)},"runs":1}]`),
    () => json({ ...WHOLE, packs: 2 ** 31 }),
    () => json({ ...WHOLE, packs: 0 }),
    () => json({ ...WHOLE, parent: { name: '../../escaped', id: 'ab'.repeat(32) } }),
    () => json({ ...WHOLE, devices: { 'before-ram': 1, early: 4, rest: 30, described: true } }),
  ],
  'pack table': [
    (random) => random.bytes(96),
    () => new Uint8Array(96),
    (random) => random.bytes(pick(random, [0, 32, 95, 97, 4096])),
  ],
  runs: [
    (random) => Buffer.concat([run(pick(random, NASTY_U32), 0, 7)]),
    (random) => Buffer.concat([run(1, pick(random, NASTY_U32), 7)]),
    (random) => Buffer.concat([run(1, 0, pick(random, NASTY_U32))]),
    () => run(1, 0, 7),
    () => run(0, 1, 7),
    () => Buffer.concat(Array.from({ length: 7 }, () => run(3, 0, 1))),
    () => Buffer.concat(Array.from({ length: 7 }, (_, at) => run(1, 6 - at, 1))),
    () => Buffer.concat([run(0, 0, 2 ** 31), run(0, 0, 2 ** 31 + 7)]),
    (random) => random.bytes(12 * random.int(20)),
  ],
  'device state': [(random) => random.bytes(random.int(100)), () => new Uint8Array(35)],
  seal: [(random) => random.bytes(32), () => new Uint8Array(0)],
};

function withBlocks(blocks: string): Uint8Array {
  return Buffer.from(JSON.stringify({ ...WHOLE, blocks: 0 }).replace('"blocks":0', `"blocks":${blocks}`));
}
