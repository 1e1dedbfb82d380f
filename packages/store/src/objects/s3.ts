import { setTimeout as pause } from 'node:timers/promises';
import { MultifdError } from '@multifd/core/ram';
import { S3mini, S3NetworkError, S3ServiceError } from 's3mini';
import { damaged } from '../format/damage.js';
import { isSame } from '../format/hash.js';
import type { ObjectEntry, ObjectStore, S3Place } from './object-store.js';

/** ms that one request may take. */
const LONGEST_REQUEST = 120_000;
/** ms before another try of a request that has met a server or a network in trouble. */
const PAUSES = [200, 1000, 3000];

const PRECONDITION_FAILED = 412;
const CONFLICT = 409;
const NOT_FOUND = 404;
const RANGE_NOT_SATISFIABLE = 416;

/**
 * A bucket of S3, or of a server with the same promises: an object that was put is seen by every later request, and a put with
 * `If-None-Match: *` succeeds once.
 */
export class S3Objects implements ObjectStore {
  readonly what: string;
  readonly place: S3Place;
  readonly #client: S3mini;

  constructor(place: S3Place) {
    const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey } = place;
    this.place = place;
    this.what = `store:s3://${bucket}/${prefix}`.replace(/\/$/, '');
    this.#client = new S3mini({
      endpoint: `${endpoint.replace(/\/$/, '')}/${bucket}`,
      region,
      accessKeyId,
      secretAccessKey,
      requestAbortTimeout: LONGEST_REQUEST,
    });
  }

  async put(key: string, parts: readonly Uint8Array[], { ifAbsent = false } = {}): Promise<boolean> {
    const body = Buffer.concat(parts);
    const headers = ifAbsent ? { 'if-none-match': '*' } : {};
    let isSure = true;
    return this.#attempt(
      `cannot write ${key}`,
      async () => {
        try {
          const path = this.#path(key);
          await this.#client.putObject(
            path,
            body,
            'application/octet-stream',
            undefined,
            headers,
            body.length,
          );
          return true;
        } catch (error) {
          if (statusOf(error) !== PRECONDITION_FAILED) {
            isSure = false;
            throw error;
          }
          // An earlier try may have come through without our hearing of it.
          const there = isSure ? undefined : await this.read(key, 0, body.length + 1);
          return there !== undefined && isSame(there.bytes, body);
        }
      },
      // Somebody else writes it just now: the next try tells who was first.
      (error) => ifAbsent && statusOf(error) === CONFLICT,
    );
  }

  async get(key: string, limit: number): Promise<Uint8Array | undefined> {
    return this.#attempt(`cannot read ${key}`, async () => {
      const response = await this.#client.getObjectResponse(this.#path(key));
      return response === null ? undefined : readBody(response, limit, `${this.what}: ${key}`);
    });
  }

  async read(key: string, offset: number, length: number) {
    return this.#attempt(`cannot read ${key}`, async () => {
      try {
        const response = await this.#client.getObjectRaw(this.#path(key), false, offset, offset + length);
        const bytes = await readBody(response, length, `${this.what}: ${key}`);
        const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
        if (Number.isSafeInteger(size)) return { bytes, size };
        throw damaged(`${this.what}: ${key}`, 'the server does not say how long it is');
      } catch (error) {
        if (statusOf(error) === NOT_FOUND) return this.#ifBucketIsThere(error);
        if (statusOf(error) === RANGE_NOT_SATISFIABLE) return { bytes: new Uint8Array(0), size: 0 };
        throw error;
      }
    });
  }

  async list(prefix: string, most?: number): Promise<readonly ObjectEntry[]> {
    return this.#attempt('cannot be listed', async () => {
      const found = await this.#client.listObjects('/', this.#path(prefix), most);
      if (found === null) throw this.#noBucket();
      return found.map(({ Key, Size }) => ({ key: Key.slice(this.place.prefix.length), size: Number(Size) }));
    });
  }

  async delete(key: string): Promise<void> {
    await this.#attempt(`cannot remove ${key}`, () => this.#client.deleteObject(this.#path(key)));
  }

  async sweep(): Promise<number> {
    // An object is there as a whole or not at all.
    return 0;
  }

  #path(key: string): string {
    return this.place.prefix + key;
  }

  #ifBucketIsThere(error: unknown): undefined {
    if (error instanceof S3ServiceError && error.serviceCode === 'NoSuchBucket') throw this.#noBucket();
    return undefined;
  }

  #noBucket(): MultifdError {
    return new MultifdError('usage', `${this.what}: there is no bucket ${this.place.bucket}`, {
      hint: 'make it first, or check AWS_ENDPOINT_URL and AWS_REGION',
    });
  }

  async #attempt<T>(
    what: string,
    call: () => Promise<T>,
    isPassing: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    for (const wait of [...PAUSES, undefined]) {
      try {
        return await call();
      } catch (error) {
        if (wait === undefined || !(isTrouble(error) || isPassing(error))) throw this.#inWords(error, what);
      }
      await pause(wait);
    }
    throw new MultifdError('internal', `${this.what}: ${what}`);
  }

  #inWords(cause: unknown, what: string): MultifdError {
    if (MultifdError.is(cause)) return cause;
    const message = `${this.what}: ${what}`;
    const status = statusOf(cause);
    if (status === 401 || status === 403) {
      return new MultifdError('usage', `${message}: the server refuses us (${status})`, {
        hint: 'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and what they may do with the bucket',
        cause,
      });
    }
    if (cause instanceof S3ServiceError && cause.serviceCode === 'NoSuchBucket') return this.#noBucket();
    if (status !== undefined)
      return new MultifdError('io', `${message}: the server says ${status}`, { cause });
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new MultifdError('io', `${message}: ${reason}`, {
      hint: `is there a server at ${this.place.endpoint}?`,
      cause,
    });
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceError ? error.status : undefined;
}

/** What may be better in a moment. */
function isTrouble(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status === 429;
  return error instanceof S3NetworkError || error instanceof TypeError;
}

/** @throws MultifdError `protocol` if it is longer than `limit` bytes: no more are kept. */
async function readBody(response: Response, limit: number, what: string): Promise<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? 0);
  if (announced > limit) {
    await response.body?.cancel();
    throw damaged(what, `${announced} bytes are more than ${limit}`);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > limit) throw damaged(what, `more than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
