/** Codecs whose receiving end is wrong, or believes whatever it gets. */
import type { MethodOptions, MultiFDMethods, RecvHooks } from '@multifd/core/codec';
import { codec, receiver, right } from './make.js';

function recv(
  name: string,
  wrong: (hooks: RecvHooks, options: MethodOptions) => Partial<RecvHooks>,
): MultiFDMethods {
  return codec(
    name,
    {},
    {
      recvSetup(options) {
        const hooks = receiver(right, options);
        return { ...hooks, ...wrong(hooks, options) };
      },
    },
  );
}

/** Turns what goes wrong into something else. */
function failing(name: string, otherwise: (error: unknown) => void | Promise<void>): MultiFDMethods {
  return recv(name, (hooks) => ({
    async recv(pages, payload) {
      try {
        await hooks.recv(pages, payload);
      } catch (error) {
        await otherwise(error);
      }
    },
  }));
}

export const brokenReceivers: readonly MultiFDMethods[] = [
  recv('takes-any-length', () => ({ maxPayload: () => Number.POSITIVE_INFINITY })),
  recv('takes-nothing', () => ({ maxPayload: () => 0 })),
  recv('leaves-bytes-unread', (hooks) => ({
    recv: (pages, payload) =>
      hooks.recv(
        { ...pages, payloadSize: pages.payloadSize - 1 },
        {
          remaining: payload.remaining - 1,
          read: (target) => payload.read(target),
          readInto: (targets) => payload.readInto(targets),
        },
      ),
  })),
  recv('forgets-the-last-page', (hooks) => ({
    recv: (pages, payload) =>
      hooks.recv(
        {
          ...pages,
          block: {
            ...pages.block,
            write(offset, bytes) {
              if (offset !== pages.offsets[pages.count - 1] || pages.count < 2)
                pages.block.write(offset, bytes);
            },
          },
        },
        payload,
      ),
  })),
  codec('takes-pages-for-neighbours', {
    place: ({ block, offsets, count }, pages, pageSize) =>
      block.write(offsets[0] ?? 0, pages.subarray(0, count * pageSize)),
  }),
  codec('cannot-count-beyond-32-bits', {
    place(incoming, pages, pageSize) {
      right.place({ ...incoming, offsets: incoming.offsets.map((offset) => offset >>> 0) }, pages, pageSize);
    },
  }),
  codec('needs-memory', {
    place({ block, offsets, count }, pages, pageSize) {
      for (let page = 0; page < count; page++) {
        const window = block.window(offsets[page] ?? 0, pageSize);
        if (window === undefined) throw new Error('no window');
        window.set(pages.subarray(page * pageSize, (page + 1) * pageSize));
      }
    },
  }),
  codec('looks-through-walls', {
    // One window for all neighbours, however many.
    place({ block, offsets, count }, pages, pageSize) {
      for (let first = 0; first < count; ) {
        let run = 1;
        while (first + run < count && offsets[first + run] === (offsets[first] ?? 0) + run * pageSize) run++;
        const bytes = pages.subarray(first * pageSize, (first + run) * pageSize);
        const window = block.window(offsets[first] ?? 0, bytes.length);
        if (window === undefined) block.write(offsets[first] ?? 0, bytes);
        else window.set(bytes);
        first += run;
      }
    },
  }),
  codec('swaps-two-pages', {
    place(incoming, pages, pageSize) {
      const { offsets, count } = incoming;
      const swapped = Float64Array.from(offsets);
      if (count > 40) swapped.set([offsets[40] ?? 0, offsets[39] ?? 0], 39);
      right.place({ ...incoming, offsets: swapped }, pages, pageSize);
    },
  }),
  codec(
    'forgets-between-packets',
    {},
    {
      recvSetup(options) {
        let last = new Uint8Array(options.pageSize);
        const fresh = receiver(
          {
            ...right,
            decode(coded, at, page) {
              if (at === 0) last = new Uint8Array(options.pageSize);
              const next = right.decode(coded, at, page, last);
              last.set(page);
              return next;
            },
          },
          options,
        );
        return fresh;
      },
    },
  ),
  codec('makes-up-what-is-missing', {
    decode(coded, at, page, last) {
      if (at >= coded.length) return at;
      if (at + 1 + page.length > coded.length && coded[at] === 1) {
        page.fill(0);
        page.set(coded.subarray(at + 1));
        return coded.length;
      }
      return right.decode(coded, at, page, last);
    },
  }),
  recv('ignores-what-is-left', (_hooks, { pageSize }) => {
    const last = new Uint8Array(pageSize);
    return {
      async recv({ block, offsets, count, payloadSize }, payload) {
        const coded = new Uint8Array(payloadSize);
        await payload.read(coded);
        const page = new Uint8Array(pageSize);
        let at = 0;
        for (let index = 0; index < count; index++) {
          at = right.decode(coded, at, page, last);
          last.set(page);
          block.write(offsets[index] ?? 0, page);
        }
      },
    };
  }),
  recv('writes-all-that-comes', (_hooks, { pageSize }) => {
    const last = new Uint8Array(pageSize);
    return {
      // As many pages as the payload has, whatever the packet names.
      async recv({ block, offsets, payloadSize }, payload) {
        const coded = new Uint8Array(payloadSize);
        await payload.read(coded);
        const page = new Uint8Array(pageSize);
        for (let at = 0, offset = offsets[0] ?? 0, index = 0; at < coded.length; index++) {
          at = right.decode(coded, at, page, last);
          last.set(page);
          offset = offsets[index] ?? offset + pageSize;
          block.write(offset, page);
        }
      },
    };
  }),
  recv('is-careful-at-first-only', (_hooks, { pageSize }) => {
    const last = new Uint8Array(pageSize);
    let packets = 0;
    return {
      async recv({ block, offsets, count, payloadSize }, payload) {
        const coded = new Uint8Array(payloadSize);
        await payload.read(coded);
        const page = new Uint8Array(pageSize);
        let at = 0;
        for (let index = 0; index < count; index++) {
          at = right.decode(coded, at, page, last);
          last.set(page);
          block.write(offsets[index] ?? 0, page);
        }
        if (packets++ < 2 && at < coded.length) throw new Error(`${coded.length - at} bytes too many`);
      },
    };
  }),
  failing('keeps-quiet', () => {}),
  failing('waits-for-ever', () => new Promise(() => {})),
  failing('tells-a-story', (error) => {
    throw new Error(`once upon a time\nthere was\n${String(error)}`);
  }),
  failing('throws-a-string', (error) => {
    throw String(error);
  }),
  recv('hopes-for-more', (hooks) => ({
    async recv(pages, payload) {
      await hooks.recv(pages, payload);
      await payload.read(new Uint8Array(1)).catch(() => {});
    },
  })),
];
