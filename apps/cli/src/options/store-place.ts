import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** A snapshot in a store. */
export interface StorePlace {
  /** Of the store; or `s3://BUCKET/PREFIX`. */
  readonly directory: string;
  readonly name: string;
}

/** As `checkName` of the store, which is loaded only where it is used. A test compares the two. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * `DIR#NAME`, with or without `store:`. The last `#` ends the directory, as no name has one.
 * @param what for messages: `source`, `target`, `snapshot`.
 * @throws MultifdError `usage`
 */
export function parseStorePlace(text: string, what: string): StorePlace {
  const place = text.startsWith('store:') ? text.slice(6) : text;
  const cut = place.lastIndexOf('#');
  const directory = place.slice(0, cut);
  const name = place.slice(cut + 1);
  if (cut < 1 || directory.includes('\0')) {
    throw new MultifdError(
      'usage',
      `${what} ${quote(text)}: a store and the name of a snapshot belong here`,
      {
        hint: 'write store:DIR#NAME or store:s3://BUCKET/PREFIX#NAME',
      },
    );
  }
  if (!NAME.test(name)) {
    throw new MultifdError('usage', `${what} ${quote(text)}: ${quote(name)} is not a name for a snapshot`, {
      hint: 'up to 128 letters, digits, dots, dashes and underscores, and no dot or dash first',
    });
  }
  checkBucket(directory, `${what} ${quote(text)}`);
  return { directory, name };
}

/** `BUCKET`, and what keys begin with. */
const S3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[A-Za-z0-9._-]+)*)\/?$/;

export interface Bucket {
  readonly bucket: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
}

/** Undefined for a directory. @throws MultifdError `usage` for a bucket that is none. */
export function bucketOf(directory: string): Bucket | undefined {
  if (!directory.startsWith('s3://')) return undefined;
  checkBucket(directory, `store ${quote(directory)}`);
  const [, bucket = '', path = ''] = S3.exec(directory) ?? [];
  return { bucket, prefix: path === '' ? '' : `${path.slice(1)}/` };
}

function checkBucket(directory: string, what: string): void {
  if (!directory.startsWith('s3://') || S3.test(directory)) return;
  throw new MultifdError('usage', `${what}: not a bucket`, {
    hint: 'write s3://BUCKET or s3://BUCKET/PREFIX',
  });
}

/** `DIR` or `s3://BUCKET/PREFIX`, with or without `store:`. @throws MultifdError `usage` */
export function parseStoreDirectory(text: string): string {
  const directory = text.startsWith('store:') ? text.slice(6) : text;
  checkBucket(directory, `store ${quote(text)}`);
  if (directory !== '' && !directory.includes('\0')) return directory;
  throw new MultifdError('usage', `store ${quote(text)}: no directory`, {
    hint: 'write DIR or s3://BUCKET/PREFIX',
  });
}
