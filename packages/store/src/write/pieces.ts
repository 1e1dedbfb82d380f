import { CHUNK_SIZE } from '../format/layout.js';
import type { Piece } from './messages.js';

/** Chunks of a piece: 4 MiB. */
export const PIECE_CHUNKS = 64;

const ALL = new Uint8Array(PIECE_CHUNKS).fill(1);

function whole(count: number): Pick<Piece, 'count' | 'wanted'> {
  return { count, wanted: ALL.subarray(0, count) };
}

export function chunksOf(length: number): number {
  return Math.ceil(length / CHUNK_SIZE);
}

/** All of the blocks' chunks, in pieces. All of them are wanted. */
export function* pieces(lengths: readonly number[]): Generator<Piece, void> {
  for (const [block, length] of lengths.entries()) {
    const chunks = chunksOf(length);
    for (let first = 0; first < chunks; first += PIECE_CHUNKS)
      yield { block, first, ...whole(Math.min(PIECE_CHUNKS, chunks - first)) };
  }
}
