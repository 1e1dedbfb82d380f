import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request is answered instead, once. `lost`: it is done, and the connection ends without an answer. */
export type S3Fault = { readonly status: number } | 'lost';

/**
 * A server that speaks as much of S3 as a store needs, with one bucket in memory: put (also `If-None-Match: *`), get (also a
 * range), list, delete. It checks that requests are signed by the right key, not the signature.
 */
export class S3Server {
  readonly endpoint: string;
  readonly objects = new Map<string, Buffer>();
  readonly bucket: string;
  /** Of keys: what becomes of the next put of one that begins so. */
  readonly faults = new Map<string, S3Fault>();
  readonly #server: Server;

  private constructor(server: Server, endpoint: string, bucket: string) {
    this.#server = server;
    this.endpoint = endpoint;
    this.bucket = bucket;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
  }

  static async start(bucket = 'guests'): Promise<S3Server> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address: AddressInfo | string | null = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new S3Server(server, `http://127.0.0.1:${address.port}`, bucket);
  }

  /** For the environment of a command. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'here',
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const url = new URL(request.url ?? '/', this.endpoint);
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    const key = rest.join('/');
    if (!/Credential=key\/.*\/here\/s3\//.test(request.headers.authorization ?? ''))
      fail(response, 403, 'AccessDenied');
    else if (bucket !== this.bucket) fail(response, 404, 'NoSuchBucket');
    else if (request.method === 'PUT')
      this.#put(key, body, request.headers['if-none-match'] === '*', response);
    else if (request.method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else if (url.searchParams.has('list-type')) this.#list(url.searchParams, response);
    else this.#get(key, request.headers.range, response);
  }

  #put(key: string, body: Buffer, ifAbsent: boolean, response: ServerResponse): void {
    const [prefix, fault] = [...this.faults].find(([begins]) => key.startsWith(begins)) ?? [];
    if (prefix !== undefined) this.faults.delete(prefix);
    if (fault !== undefined && fault !== 'lost') {
      fail(response, fault.status, 'Trouble');
    } else if (ifAbsent && this.objects.has(key)) {
      fail(response, 412, 'PreconditionFailed');
    } else {
      this.objects.set(key, body);
      if (fault === 'lost') response.destroy();
      else response.writeHead(200, { etag: '"x"' }).end();
    }
  }

  #get(key: string, range: string | undefined, response: ServerResponse): void {
    const object = this.objects.get(key);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (object === undefined) {
      fail(response, 404, 'NoSuchKey');
    } else if (from === undefined || to === undefined) {
      response.writeHead(200, { 'content-length': object.length, etag: '"x"' }).end(object);
    } else if (Number(from) >= object.length) {
      fail(response, 416, 'InvalidRange');
    } else {
      const part = object.subarray(Number(from), Number(to) + 1);
      const of = `bytes ${from}-${Number(from) + part.length - 1}/${object.length}`;
      response.writeHead(206, { 'content-length': part.length, 'content-range': of }).end(part);
    }
  }

  /** In pieces of at most 1000 keys, as S3 does. */
  #list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const most = Math.min(1000, Number(query.get('max-keys') ?? 1000));
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const some = keys.slice(0, most);
    const contents = some.map(
      (key) => `<Contents><Key>${key}</Key><Size>${this.objects.get(key)?.length ?? 0}</Size></Contents>`,
    );
    const isCut = keys.length > some.length;
    const next = isCut ? `<NextContinuationToken>${some.at(-1)}</NextContinuationToken>` : '';
    response
      .writeHead(200, { 'content-type': 'application/xml' })
      .end(
        `<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
      );
  }
}

function fail(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<Error><Code>${code}</Code></Error>`);
}
