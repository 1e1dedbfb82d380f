import { createRandom, type Random } from '@multifd/testing/random';
import { inARow, type Piece, pick } from './grammar/bytes.ts';
import { type Compression, HOSTILE_CHANNEL, validChannel } from './grammar/channel.ts';
import { assembleFile, HOSTILE_FILE, validFile } from './grammar/file.ts';
import { HOSTILE_MAIN } from './grammar/hostile-main.ts';
import { validMain } from './grammar/main-stream.ts';
import { HOSTILE_ANSWERS, validAnswers } from './grammar/return-path.ts';
import { type Hostile, type Twist, twisted, twistsFor } from './grammar/twist.ts';

/** Hostile bytes for each connection, or for a file, and what was done to valid ones. */
export interface Scenario {
  readonly rows: readonly Uint8Array[];
  readonly twists: readonly string[];
}

/** What a hostile source sends: main first, then each channel. */
export interface SourceScenario extends Scenario {
  readonly channels: number;
  readonly compression: Compression;
  /** How each connection ends when all was sent. */
  readonly ends: 'closes' | 'resets' | 'stays';
  /** Bytes of one write; small ones make the reader stop everywhere. */
  readonly chunk: number;
  readonly channelsFirst: boolean;
}

interface Row {
  readonly name: string;
  readonly pieces: readonly Piece[];
  readonly hostile: Hostile;
  /** Makes its bytes of its pieces; by default in a row. */
  readonly assemble?: (pieces: readonly Piece[]) => Uint8Array;
}

export function sourceScenario(random: Random, keep?: readonly number[]): SourceScenario {
  const channels = 1 + random.int(2);
  const compression = pick(random, ['none', 'none', 'zlib', 'zstd'] as const);
  const rows = sourceRows(random, channels, compression, random.int(2) === 0);
  return {
    ...hostileRows(random, rows, changes(random), keep),
    channels,
    compression,
    ends: pick(random, ['closes', 'closes', 'stays', 'stays', 'resets'] as const),
    chunk: pick(random, [7, 1000, 2 ** 20, 2 ** 20, 2 ** 20] as const),
    channelsFirst: random.int(2) === 0,
  };
}

/** A source whose guest has to get in, whatever came before it. */
export function rightSource(channels: number, compression: Compression): readonly Uint8Array[] {
  return sourceRows(createRandom(1), channels, compression, false).map(({ pieces }) => inARow(pieces));
}

/** Mostly one: what is wrong early hides what is wrong later. */
function changes(random: Random): number {
  return random.int(3) === 0 ? 2 + random.int(2) : 1;
}

function sourceRows(random: Random, channels: number, compression: Compression, returnPath: boolean): Row[] {
  const main = validMain(random, { channels: true, returnPath });
  const syncs = main.filter(({ what }) => what === 'records').length;
  return [
    { name: 'main', pieces: main, hostile: HOSTILE_MAIN },
    ...Array.from({ length: channels }, (_, channel) => ({
      name: `channel ${channel}`,
      pieces: validChannel(random, channel, syncs, compression),
      hostile: HOSTILE_CHANNEL,
    })),
  ];
}

/** A file that is one stream, as `file:` of a QEMU without mapped-ram. */
export function streamFile(random: Random, keep?: readonly number[]): Scenario {
  const pieces = validMain(random, { channels: false, returnPath: false });
  return hostileRows(random, [{ name: 'stream', pieces, hostile: HOSTILE_MAIN }], changes(random), keep);
}

export function mappedFile(random: Random, keep?: readonly number[]): Scenario {
  const hostile = { ...HOSTILE_MAIN, ...HOSTILE_FILE };
  return hostileRows(
    random,
    [{ name: 'file', pieces: validFile(random), hostile, assemble: assembleFile }],
    changes(random),
    keep,
  );
}

/** What a hostile destination says on main, all of it at once, or the last part when the source has sent everything. */
export function answers(random: Random, channels: number, keep?: readonly number[]): Scenario {
  const row = { name: 'return path', pieces: validAnswers(channels), hostile: HOSTILE_ANSWERS };
  return hostileRows(random, [row], changes(random), keep);
}

function hostileRows(
  random: Random,
  rows: readonly Row[],
  count: number,
  keep: readonly number[] | undefined,
): Scenario {
  const chosen = Array.from({ length: count }, () => random.int(rows.length));
  const twists: { readonly row: number; readonly twist: Twist }[] = chosen.flatMap((row) => {
    const { pieces = [], hostile = {} } = rows[row] ?? {};
    return twistsFor(random, pieces, hostile, 1).map((twist) => ({ row, twist }));
  });
  const kept = twists.filter((_, index) => keep === undefined || keep.includes(index));
  return {
    rows: rows.map(({ pieces, assemble = inARow }, index) =>
      assemble(
        twisted(
          pieces,
          kept.filter(({ row }) => row === index).map(({ twist }) => twist),
        ),
      ),
    ),
    twists: twists.map(({ row, twist }) => `${rows[row]?.name}: ${twist.what}`),
  };
}
