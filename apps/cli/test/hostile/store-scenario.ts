import type { Random } from '@multifd/testing/random';
import { inARow, type Piece, patched, u32 } from './grammar/bytes.ts';
import { HOSTILE_STORE } from './grammar/hostile-store.ts';
import {
  hexOf,
  idOf,
  packKeyOf,
  type StoredRam,
  type StoreObject,
  sha256,
  validStore,
} from './grammar/store.ts';
import { type Folder, type FolderTwist, folderTwist } from './grammar/store-folder.ts';
import { type Twist, twisted, twistsFor } from './grammar/twist.ts';

/** A store that somebody has written who means no good, and what was done to a valid one. */
export interface StoreScenario {
  readonly folder: Folder;
  readonly twists: readonly string[];
  /** Snapshots of the valid store: what they give back, and the bytes of their own objects. */
  readonly guests: readonly (StoredRam & { readonly bytes: Uint8Array; readonly packs: readonly string[] })[];
  /** For `--save`. */
  readonly rows: readonly Uint8Array[];
}

interface Change {
  readonly what: string;
  readonly object?: { readonly at: number; readonly twist: Twist };
  readonly folder?: FolderTwist;
}

export function hostileStore(random: Random, keep?: readonly number[]): StoreScenario {
  const { objects, guests } = validStore();
  const keys = objects.map(({ key }) => key);
  const isSealed = random.int(4) > 0;
  const count = random.int(3) === 0 ? 2 + random.int(2) : 1;
  const changes = Array.from({ length: count }, (): Change => {
    if (random.int(10) < 3) {
      const folder = folderTwist(random, keys);
      return { what: folder.what, folder };
    }
    const at = random.int(objects.length);
    const object = objects[at];
    const [twist] = twistsFor(random, object?.pieces ?? [], hostileOf(object), 1);
    if (object === undefined || twist === undefined) throw new Error('a store without objects');
    return { what: `${object.key.slice(0, 20)}: ${twist.what}`, object: { at, twist } };
  });
  const kept = changes.filter((_, index) => keep === undefined || keep.includes(index));
  const rows = objects.map(({ pieces }, at) =>
    twisted(
      pieces,
      kept.flatMap(({ object }) => (object?.at === at ? object.twist : [])),
    ),
  );
  const folder = isSealed ? sealed(objects, rows) : asTheyAre(objects, rows);
  for (const change of kept) change.folder?.apply(folder);
  const packs = objects.filter(({ kind }) => kind === 'pack').map(({ key }) => key);
  return {
    folder,
    twists: changes.map(({ what }) => `${what}${isSealed ? ', sealed' : ''}`),
    guests: guests.map((guest) => {
      const own = objects.find(({ key }) => key === `snapshots/${guest.name}`);
      return { ...guest, bytes: inARow(own?.pieces ?? []), packs };
    }),
    rows: rows.map(inARow),
  };
}

/** What is hostile in an object is what it has productions of. */
function hostileOf(object: StoreObject | undefined) {
  const names = new Set(object?.pieces.map(({ what }) => what));
  return Object.fromEntries(Object.entries(HOSTILE_STORE).filter(([name]) => names.has(name)));
}

function asTheyAre(objects: readonly StoreObject[], rows: readonly (readonly Piece[])[]): Folder {
  return new Map(objects.map(({ key }, at) => [key, { bytes: inARow(rows[at] ?? []) }]));
}

/** As one makes it who wants to be believed: lengths, names and hashes fit to what was changed. */
function sealed(objects: readonly StoreObject[], rows: readonly (readonly Piece[])[]): Folder {
  const folder: Folder = new Map();
  const names = new Map<string, Uint8Array>();
  for (const [at, { kind, key, pieces }] of objects.entries()) {
    if (kind !== 'pack') continue;
    const row = withStoredLengths(pieces, rows[at] ?? []);
    const id = idOf(row);
    names.set(hexOf(idOf(pieces)), id);
    folder.set(row.length === 0 ? key : packKeyOf(id), { bytes: inARow(row) });
  }
  for (const [at, { kind, key, pieces }] of objects.entries()) {
    const row = rows[at] ?? [];
    if (kind === 'snapshot') folder.set(key, { bytes: sealedSnapshot(pieces, row, names) });
    else if (kind !== 'pack') folder.set(key, { bytes: inARow(row) });
  }
  return folder;
}

/** An entry that was left as it was says how long its chunk is now. */
function withStoredLengths(valid: readonly Piece[], row: readonly Piece[]): readonly Piece[] {
  const entries = valid.filter(({ what }) => what === 'pack entry');
  const chunks = row.filter(({ what }) => what === 'chunk');
  return row.map((piece) => {
    const chunk = chunks[entries.indexOf(piece)];
    return chunk === undefined
      ? piece
      : { ...piece, bytes: patched(piece.bytes, 32, u32(chunk.bytes.length)) };
  });
}

function sealedSnapshot(
  valid: readonly Piece[],
  row: readonly Piece[],
  names: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const untouched = new Set(valid);
  const head = row.find(({ what }) => what === 'head');
  const content = row
    .filter((piece) => piece.what !== 'seal')
    .map((piece) => {
      if (piece.what === 'head length' && untouched.has(piece)) return u32(head?.bytes.length ?? 0);
      return piece.what === 'pack table' && untouched.has(piece) ? renamed(piece.bytes, names) : piece.bytes;
    });
  const seal = row.find(({ what }) => what === 'seal');
  const isOwn = seal !== undefined && !untouched.has(seal);
  return Buffer.concat([...content, isOwn ? seal.bytes : sha256(...content)]);
}

function renamed(table: Uint8Array, names: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const ids = Array.from({ length: table.length / 32 }, (_, at) => table.subarray(at * 32, at * 32 + 32));
  return Buffer.concat(ids.map((id) => names.get(hexOf(id)) ?? id));
}
