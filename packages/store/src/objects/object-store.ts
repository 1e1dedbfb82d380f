/** An object of a store. */
export interface ObjectEntry {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** A bucket, or a part of one, and who may use it. */
export interface S3Place {
  readonly kind: 's3';
  /** Of the service: `https://HOST`, `http://HOST:PORT`. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A folder. */
export interface DiskPlace {
  readonly kind: 'disk';
  readonly directory: string;
  /** Letters and digits: of whatever is written here, as long as it is not finished. See `sweep`. */
  readonly mark?: string;
}

/** Where objects are, as plain data: a thread opens them by it. */
export type ObjectPlace = DiskPlace | S3Place;

/**
 * Where a store's objects are kept: a folder, a bucket. Keys are as docs/store-format.md has them; whoever implements this need
 * not know what they mean. What it throws are `MultifdError`s: `io`, or `usage` for a place that cannot be right.
 */
export interface ObjectStore {
  /** For messages: the user's words for the place. */
  readonly what: string;
  readonly place: ObjectPlace;
  /**
   * Stores an object: all of it or nothing, safe against a power failure when it resolves. It replaces what has the key, unless
   * `ifAbsent`.
   * @param parts the object's bytes, one after the other.
   * @returns false if something has the key and `ifAbsent` is set: it stays as it is. Of several callers one gets true.
   */
  put(key: string, parts: readonly Uint8Array[], options?: { readonly ifAbsent?: boolean }): Promise<boolean>;
  /** All of an object; undefined if there is none. @throws MultifdError `protocol` if it is larger than `limit` bytes. */
  get(key: string, limit: number): Promise<Uint8Array | undefined>;
  /**
   * A part of an object, shorter where the object ends. Undefined if there is none.
   * @returns with the size of the whole object.
   */
  read(
    key: string,
    offset: number,
    length: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly size: number } | undefined>;
  /**
   * All objects whose key begins with `prefix`, which is empty or ends with `/`. In no order.
   * @param most ends when so many are found.
   */
  list(prefix: string, most?: number): Promise<readonly ObjectEntry[]>;
  /** Removes an object if it is there. */
  delete(key: string): Promise<void>;
  /**
   * Removes what writers that died have left and no list shows. Called while nobody else writes.
   * @param mark only what was written with it, by threads that have ended: others may go on.
   * @returns how much was removed.
   */
  sweep(mark?: string): Promise<number>;
}
