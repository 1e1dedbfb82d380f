import { createHash } from 'node:crypto';
import { MultifdError } from '@multifd/core/ram';
import { damaged, otherVersion } from './format/damage.js';
import { isRecord } from './format/head.js';
import { CHUNK_SIZE, FORMAT, FORMAT_VERSION, LARGEST_OBJECT } from './format/layout.js';
import { nameOf, SNAPSHOTS, STORE_KEY, snapshotKey } from './format/names.js';
import { checkSnapshotSize, LONGEST_BEGIN, parseSnapshot, type Snapshot } from './format/snapshot.js';
import type { ObjectStore } from './objects/object-store.js';

/** Bytes of an object that are read at a time. */
const PIECE = 2 ** 24;

/** A snapshot by its name. */
export interface NamedSnapshot extends Snapshot {
  readonly name: string;
  /** Bytes of its own file. */
  readonly size: number;
}

/** A place with snapshots in it. */
export class Store {
  readonly objects: ObjectStore;

  private constructor(objects: ObjectStore) {
    this.objects = objects;
  }

  /** @throws MultifdError `usage` if there is no store; `incompatible`, `protocol`, `io`. */
  static async open(objects: ObjectStore): Promise<Store> {
    if (await isStore(objects)) return new Store(objects);
    throw new MultifdError('usage', `${objects.what}: there is no store`, {
      hint: 'check the path; multifd receive LISTEN store:DIR#NAME makes a store',
    });
  }

  /**
   * Opens a store, or makes one where nothing is.
   * @throws MultifdError `usage` if something else is there.
   */
  static async openOrMake(objects: ObjectStore): Promise<Store> {
    if (await canMake(objects)) {
      const document = {
        format: FORMAT,
        'format-version': FORMAT_VERSION,
        'chunk-size': CHUNK_SIZE,
        hash: 'sha256',
        compression: 'zstd',
      };
      // Whoever else makes it says the same.
      const text = Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
      await objects.put(STORE_KEY, [text], { ifAbsent: true });
    }
    return Store.open(objects);
  }

  get what(): string {
    return this.objects.what;
  }

  /** For messages: as the user would write it. */
  whatOf(name: string): string {
    return `${this.what}#${name}`;
  }

  /** In alphabetical order. */
  async names(): Promise<readonly string[]> {
    const entries = await this.objects.list(SNAPSHOTS);
    return entries.flatMap(({ key }) => nameOf(key) ?? []).sort();
  }

  /** The same for who must not miss one. @throws MultifdError `protocol` if something else is where snapshots are. */
  async onlyNames(): Promise<readonly string[]> {
    const entries = await this.objects.list(SNAPSHOTS);
    return entries.map(({ key }) => {
      const name = nameOf(key);
      if (name !== undefined) return name;
      throw new MultifdError(
        'protocol',
        `${this.what}: ${key} is not a snapshot's name, and what it needs is not known`,
        {
          hint: 'name it as a snapshot is named if it is one; else remove it',
        },
      );
    });
  }

  /** @throws MultifdError `usage` if there is none of this name; `protocol`, `incompatible`, `io`. */
  async snapshot(name: string): Promise<NamedSnapshot> {
    const bytes = await this.wholeSnapshot(name);
    return { ...parseSnapshot(bytes, this.whatOf(name)), name, size: bytes.length };
  }

  /**
   * The bytes of a snapshot that is as long as its head announces.
   * @throws MultifdError `usage` if there is none of this name; `protocol`, `incompatible`, `io`.
   */
  async wholeSnapshot(name: string): Promise<Uint8Array> {
    const begin = await this.objects.read(snapshotKey(name), 0, LONGEST_BEGIN);
    if (begin !== undefined) {
      checkSnapshotSize(begin.bytes, begin.size, this.whatOf(name));
      if (begin.bytes.length === begin.size) return begin.bytes;
      const bytes = await this.snapshotBytes(name);
      if (bytes !== undefined) return bytes;
    }
    throw new MultifdError('usage', `${this.whatOf(name)}: no such snapshot`, {
      hint: '`multifd store ls` shows what there is',
    });
  }

  /** Undefined if there is none of this name. */
  async snapshotBytes(name: string): Promise<Uint8Array | undefined> {
    return this.objects.get(snapshotKey(name), LARGEST_OBJECT);
  }

  /** What tells whatever has the name from all else, damaged or not. Undefined: nothing has it. */
  async holder(name: string): Promise<string | undefined> {
    const hash = createHash('sha256');
    for (let at = 0; ; ) {
      const part = await this.objects.read(snapshotKey(name), at, PIECE);
      if (part === undefined) return undefined;
      hash.update(part.bytes);
      at += part.bytes.length;
      if (part.bytes.length < PIECE) return hash.digest('hex');
    }
  }

  async has(name: string): Promise<boolean> {
    return (await this.objects.read(snapshotKey(name), 0, 1)) !== undefined;
  }

  /** Takes its name away; what only it has needed goes with the next gc. @throws MultifdError `usage`, `io`. */
  async remove(name: string): Promise<void> {
    if (!(await this.has(name))) await this.snapshot(name);
    await this.objects.delete(snapshotKey(name));
  }
}

/** Whether nothing is there, and a store may be made. @throws MultifdError `usage` if something else is there. */
export async function canMake(objects: ObjectStore): Promise<boolean> {
  if (await isStore(objects)) return false;
  const [other] = await objects.list('', 1);
  if (other === undefined) return true;
  // Somebody else may just have made it.
  if (await isStore(objects)) return false;
  throw new MultifdError('usage', `${objects.what}: not a store, and not empty (there is ${other.key})`, {
    hint: 'name another place',
  });
}

/** Whether it is a store that we know. @throws MultifdError `incompatible`, `protocol`, `io`. */
async function isStore(objects: ObjectStore): Promise<boolean> {
  const what = `${objects.what}: ${STORE_KEY}`;
  const bytes = await objects.get(STORE_KEY, 65_536);
  if (bytes === undefined) return false;
  const value = jsonOf(bytes);
  if (!isRecord(value) || value.format !== FORMAT) throw damaged(what, 'it does not describe a store');
  const version = value['format-version'];
  if (typeof version === 'number' && version !== FORMAT_VERSION)
    throw otherVersion(what, version, FORMAT_VERSION);
  if (version !== FORMAT_VERSION || value['chunk-size'] !== CHUNK_SIZE || value.hash !== 'sha256')
    throw damaged(what, 'it describes no store that version 1 has');
  return true;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
