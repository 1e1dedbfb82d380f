import type { ErrorReport, RamBlockDescriptor } from '@multifd/core';
import type { ObjectPlace } from '../objects/object-store.js';

/** What an ingest thread works on. */
export interface ThreadSetup {
  readonly place: ObjectPlace;
  readonly pageSize: number;
  readonly blocks: readonly RamBlockDescriptor[];
  /** One bitmap for each block: the pages that hold content. */
  readonly received: readonly SharedArrayBuffer[];
}

/** Chunks that follow each other in one block. */
export interface Piece {
  readonly block: number;
  readonly first: number;
  readonly count: number;
}

export type ToThread =
  /** Before all others. */
  | { readonly type: 'open'; readonly setup: ThreadSetup }
  /** Hash these. */
  | { readonly type: 'piece'; readonly piece: Piece }
  /** Of the piece that was hashed: pack those with a 1. */
  | { readonly type: 'take'; readonly taken: Uint8Array }
  /** Nothing follows: store what is not stored yet. */
  | { readonly type: 'finish' };

/** A chunk in one of the thread's packs, counted from 0. */
export interface OwnPlace {
  readonly pack: number;
  readonly index: number;
}

export type FromThread =
  | { readonly type: 'opened' }
  /** Hashes of the piece's chunks, 32 bytes each: all zero for a chunk that is zero. */
  | { readonly type: 'hashed'; readonly hashes: Uint8Array }
  /** Where those that were taken are now, in their order. `stored`: bytes. */
  | { readonly type: 'packed'; readonly places: readonly OwnPlace[]; readonly stored: number }
  /** Ids of its packs. All are safe. */
  | { readonly type: 'finished'; readonly packs: readonly string[] }
  | { readonly type: 'failed'; readonly error: ErrorReport };
