import type {
  IncomingPages,
  MethodOptions,
  MultiFDMethods,
  OutgoingPages,
  PayloadReader,
} from '@multifd/core/codec';

/** What a codec for tests is made of; each part of it can be made wrong. */
export interface Parts {
  /** Copies a packet's pages to `pages` before anything is made of them. */
  take(outgoing: OutgoingPages, pages: Uint8Array, pageSize: number): void;
  /** The page's code, behind `at` in `out`; the new `at`. `last` is the page before, in this channel. */
  encode(page: Uint8Array, last: Uint8Array, out: Uint8Array, at: number): number;
  /** Gives `page` from `coded`; the new `at`. @throws Error */
  decode(coded: Uint8Array, at: number, page: Uint8Array, last: Uint8Array): number;
  /** Puts the pages where they belong. */
  place(incoming: IncomingPages, pages: Uint8Array, pageSize: number): void;
}

const FILLED = 0;
const AS_IT_IS = 1;
const AS_BEFORE = 2;

/** A page that repeats one byte, a page that repeats the one before it, and any other. */
export const right: Parts = {
  take({ vectors }, pages) {
    let at = 0;
    for (const vector of vectors) {
      pages.set(vector, at);
      at += vector.length;
    }
  },
  encode(page, last, out, at) {
    const [first = 0] = page;
    if (page.every((byte) => byte === first)) {
      out.set([FILLED, first], at);
      return at + 2;
    }
    if (Buffer.compare(page, last) === 0) {
      out[at] = AS_BEFORE;
      return at + 1;
    }
    out[at] = AS_IT_IS;
    out.set(page, at + 1);
    return at + 1 + page.length;
  },
  decode(coded, at, page, last) {
    const kind = coded[at];
    if (kind === FILLED && at + 1 < coded.length) {
      page.fill(coded[at + 1] ?? 0);
      return at + 2;
    }
    if (kind === AS_BEFORE) {
      page.set(last);
      return at + 1;
    }
    if (kind !== AS_IT_IS || at + 1 + page.length > coded.length) throw new Error(`bad code at ${at}`);
    page.set(coded.subarray(at + 1, at + 1 + page.length));
    return at + 1 + page.length;
  },
  place({ block, offsets, count }, pages, pageSize) {
    for (let page = 0; page < count; page++) {
      block.write(offsets[page] ?? 0, pages.subarray(page * pageSize, (page + 1) * pageSize));
    }
  },
};

export function most(count: number, pageSize: number): number {
  return count * (pageSize + 1);
}

export function sender(parts: Parts, { pageSize, maxPages }: MethodOptions) {
  const pages = new Uint8Array(pageSize * maxPages);
  const last = new Uint8Array(pageSize);
  const free: Uint8Array[] = [];
  return {
    prepare(outgoing: OutgoingPages) {
      const out = free.pop() ?? new Uint8Array(most(maxPages, pageSize));
      parts.take(outgoing, pages, pageSize);
      let at = 0;
      for (let index = 0; index < outgoing.count; index++) {
        const page = pages.subarray(index * pageSize, (index + 1) * pageSize);
        at = parts.encode(page, last, out, at);
        last.set(page);
      }
      return { vectors: [out.subarray(0, at)], size: at, release: () => void free.push(out) };
    },
    cleanup() {},
  };
}

export function receiver(parts: Parts, { pageSize, maxPages }: MethodOptions) {
  const pages = new Uint8Array(pageSize * maxPages);
  const last = new Uint8Array(pageSize);
  return {
    maxPayload: (count: number) => most(count, pageSize),
    async recv(incoming: IncomingPages, payload: PayloadReader) {
      const coded = new Uint8Array(incoming.payloadSize);
      await payload.read(coded);
      let at = 0;
      for (let index = 0; index < incoming.count; index++) {
        const page = pages.subarray(index * pageSize, (index + 1) * pageSize);
        at = parts.decode(coded, at, page, last);
        last.set(page);
      }
      if (at !== coded.length) throw new Error(`${coded.length - at} bytes are left over`);
      parts.place(incoming, pages, pageSize);
    },
    cleanup() {},
  };
}

/** A codec of these parts, with whatever else is different about it. */
export function codec(
  name: string,
  parts: Partial<Parts> = {},
  rest: Partial<MultiFDMethods> = {},
): MultiFDMethods {
  const all = { ...right, ...parts };
  return {
    specVersion: 1,
    name,
    flag: 0x2a,
    probe: () => ({ ok: true, detail: 'runs in this test' }),
    sendSetup: (options) => sender(all, options),
    recvSetup: (options) => receiver(all, options),
    ...rest,
  };
}
