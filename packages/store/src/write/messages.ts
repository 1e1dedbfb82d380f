import type { ErrorReport, RamBlockDescriptor } from '@multifd/core';
import type { ObjectPlace } from '../objects/object-store.js';

/** What an ingest thread works on. */
export interface ThreadSetup {
  readonly place: ObjectPlace;
  readonly pageSize: number;
  readonly blocks: readonly RamBlockDescriptor[];
}

/** Chunks that follow each other in one block. */
export interface Piece {
  readonly block: number;
  readonly first: number;
  readonly count: number;
  /** For each chunk: 1 if it is meant. */
  readonly wanted: Uint8Array;
}

export type ToThread =
  /** Before all others. */
  | { readonly type: 'open'; readonly setup: ThreadSetup }
  /**
   * Nobody writes to RAM any more. One bitmap for each block: the pages that hold content. Until then all RAM was read as it is,
   * and may have changed while it was.
   */
  | { readonly type: 'arrived'; readonly received: readonly SharedArrayBuffer[] }
  /** Hash these. */
  | { readonly type: 'piece'; readonly piece: Piece }
  /** Of the piece that was hashed: pack those with a 1. */
  | { readonly type: 'take'; readonly taken: Uint8Array }
  /** Wait for the packs that are being put. More can follow. */
  | { readonly type: 'settle' }
  /** Nothing follows: store what is not stored yet. */
  | { readonly type: 'finish' };

/** A chunk in one of the thread's packs, counted from 0. */
export interface OwnPlace {
  readonly pack: number;
  readonly index: number;
  /** Bytes that it takes. */
  readonly stored: number;
}

export type FromThread =
  /** To `open`, `arrived` and `settle`. */
  | { readonly type: 'ready' }
  /** Hashes of the piece's chunks, 32 bytes each: all zero for a chunk that is zero or not wanted. */
  | { readonly type: 'hashed'; readonly hashes: Uint8Array }
  /** Where those that were taken are now, in their order. */
  | { readonly type: 'packed'; readonly places: readonly OwnPlace[] }
  /** Ids of its packs. All are safe. */
  | { readonly type: 'finished'; readonly packs: readonly string[] }
  | { readonly type: 'failed'; readonly error: ErrorReport };
