import type { Random } from '@multifd/testing/random';
import { NASTY_U32, NASTY_U64, type Piece, patched, pick, u32, u64 } from './bytes.ts';

export type Hostile = Readonly<Record<string, readonly ((random: Random) => Uint8Array)[]>>;

/** One hostile change of a row of productions. Applied to another row, it does what it can. */
export interface Twist {
  readonly what: string;
  readonly apply: (pieces: readonly Piece[]) => readonly Piece[];
}

/** Twists for such a row, `count` of them. */
export function twistsFor(
  random: Random,
  pieces: readonly Piece[],
  hostile: Hostile,
  count: number,
): Twist[] {
  return Array.from({ length: count }, () => twist(random, pieces, hostile));
}

function twist(random: Random, pieces: readonly Piece[], hostile: Hostile): Twist {
  const at = random.int(pieces.length);
  const what = pieces[at]?.what ?? '';
  const other = random.int(pieces.length);
  const way = random.int(10);
  // Half of all: what the production's own grammar makes hostile.
  if (way < 5) return variant(random, pieces, hostile, way < 4);
  if (way === 5) return atPiece(`no ${what}`, at, () => []);
  if (way === 6) return atPiece(`${what} twice`, at, (piece) => [piece, piece]);
  if (way === 7) {
    return {
      what: `${what} where ${pieces[other]?.what} is`,
      apply: (row) => {
        const moved = row[at];
        return moved === undefined ? row : row.toSpliced(at, 1).toSpliced(other, 0, moved);
      },
    };
  }
  if (way === 8) {
    const cut = random.next();
    return atPiece(`${what} cut`, at, ({ bytes }) => [
      { what, bytes: bytes.subarray(0, Math.floor(cut * bytes.length)) },
    ]);
  }
  const by = random.int(2) === 0 ? u32(pick(random, NASTY_U32)) : u64(pick(random, NASTY_U64));
  const offset = random.next();
  return atPiece(`${what} with ${Buffer.from(by).toString('hex')}`, at, ({ bytes }) => [
    { what, bytes: patched(bytes, Math.floor(offset * Math.min(400, bytes.length)), by) },
  ]);
}

function variant(random: Random, pieces: readonly Piece[], hostile: Hostile, replaces: boolean): Twist {
  const names = Object.keys(hostile);
  const candidates = pieces.flatMap(({ what }, index) => (names.includes(what) ? [index] : []));
  const at = pick(random, candidates);
  const what = pieces[at]?.what ?? '';
  const variants = hostile[what] ?? [];
  const number = random.int(variants.length);
  const bytes = variants[number]?.(random) ?? new Uint8Array(0);
  const made = { what, bytes };
  return atPiece(`${what} like ${number}`, at, (piece) => (replaces ? [made] : [piece, made]));
}

function atPiece(what: string, at: number, change: (piece: Piece) => readonly Piece[]): Twist {
  return {
    what,
    apply: (row) => {
      const piece = row[at];
      return piece === undefined ? row : row.toSpliced(at, 1, ...change(piece));
    },
  };
}

/** A row after these twists. */
export function twisted(pieces: readonly Piece[], twists: readonly Twist[]): readonly Piece[] {
  return twists.reduce((before, twist) => twist.apply(before), pieces);
}
