/** Codecs whose sending end, or what they say of themselves, is wrong. */
import type { MethodOptions, MultiFDMethods, SendHooks } from '@multifd/core/codec';
import { codec, type Parts, right, sender } from './make.js';

/** What all channels share, in a codec that was written for one. */
const shared = { last: new Uint8Array(65536), open: 0, opened: 0 };

/** The right sender with something done to each packet that it makes. */
function sending(wrong: (hooks: SendHooks, options: MethodOptions) => Partial<SendHooks>) {
  return (options: MethodOptions): SendHooks => {
    const hooks = sender(right, options);
    return { ...hooks, ...wrong(hooks, options) };
  };
}

function send(name: string, wrong: Parameters<typeof sending>[0]): MultiFDMethods {
  return codec(name, {}, { sendSetup: sending(wrong) });
}

/** One payload buffer for all packets, whoever still needs it. */
function withOneBuffer(options: MethodOptions): SendHooks {
  const hooks = sender(right, options);
  const buffer = new Uint8Array(600_000);
  return {
    ...hooks,
    prepare(pages) {
      const { vectors, size, release } = hooks.prepare(pages);
      let at = 0;
      for (const vector of vectors) {
        buffer.set(vector, at);
        at += vector.length;
      }
      release();
      return { vectors: [buffer.subarray(0, size)], size };
    },
  };
}

/** Compares guest memory with guest memory, and later takes the page that it has found for the other. */
const looksTwice: Partial<Parts> = {
  take({ vectors }, pages, pageSize) {
    const all = vectors.flatMap((vector) =>
      Array.from({ length: vector.length / pageSize }, (_, page) =>
        vector.subarray(page * pageSize, (page + 1) * pageSize),
      ),
    );
    const repeats = all.map((page, index) => index > 0 && Buffer.compare(page, all[index - 1] ?? page) === 0);
    all.forEach((page, index) => {
      pages.set((repeats[index] ? all[index - 1] : page) ?? page, index * pageSize);
    });
  },
};

export const brokenSenders: readonly MultiFDMethods[] = [
  codec('has-a-flag-of-qemu', {}, { flag: 0x04 }),
  codec('has-a-flag-of-nobody', {}, { flag: 0x42 }),
  codec('Has A Name', {}),
  codec('zlib', {}),
  codec('says-nothing-of-why', {}, { probe: () => ({ ok: false, reason: '', fix: '' }) }),
  codec('tells-two-lines', {}, { probe: () => ({ ok: true, detail: 'one\ntwo' }) }),
  codec(
    'wants-a-key-on-both-ends',
    {},
    {
      recvSetup: ({ settings }) => {
        throw new Error(`no key: ${settings.key}`);
      },
    },
  ),
  send('counts-wrong', (hooks) => ({
    async prepare(pages) {
      const prepared = await hooks.prepare(pages);
      return { ...prepared, size: prepared.size + 1 };
    },
  })),
  send('writes-to-offsets', (hooks) => ({
    prepare(pages) {
      pages.offsets.sort();
      pages.offsets.fill(0, pages.count);
      return hooks.prepare(pages);
    },
  })),
  send('writes-to-the-guest', (hooks) => ({
    prepare(pages) {
      const prepared = hooks.prepare(pages);
      for (const vector of pages.vectors) vector[vector.length - 1] ^= 1;
      return prepared;
    },
  })),
  send('never-ready', () => ({ prepare: () => new Promise(() => {}) })),
  codec('has-one-buffer', {}, { sendSetup: withOneBuffer }),
  codec('shares-its-state', {
    encode(page, last, out, at) {
      const next = right.encode(page, shared.last.subarray(0, page.length), out, at);
      shared.last.set(page);
      return last.length > 0 ? next : at;
    },
  }),
  codec(
    'remembers-the-guest',
    {},
    {
      // The page before is not copied: it is whatever the guest's memory holds by then.
      sendSetup(options) {
        let before: Uint8Array | undefined;
        return sender(
          {
            ...right,
            take(outgoing, pages, pageSize) {
              right.take(outgoing, pages, pageSize);
              before = outgoing.vectors.at(-1)?.subarray(-pageSize);
            },
            encode: (page, last, out, at) =>
              right.encode(page, at === 0 && before !== undefined ? before : last, out, at),
          },
          options,
        );
      },
    },
  ),
  codec('looks-twice', looksTwice),
  codec('expands-noise', {
    encode(page, last, out, at) {
      const next = right.encode(page, last, out, at);
      return next - at > 4096 && at === 0 ? next + 200_000 : next;
    },
  }),
  codec('knows-4096-only', {
    take: ({ vectors }, pages) => pages.set(vectors[0]?.subarray(0, 4096) ?? []),
  }),
  send('closes-for-all', (hooks) => {
    shared.open = 1;
    return {
      prepare(pages) {
        if (shared.open === 0) throw new Error('closed');
        return hooks.prepare(pages);
      },
      cleanup() {
        shared.open = 0;
      },
    };
  }),
  send('runs-out', (hooks) => {
    if (++shared.opened > 100) throw new Error('no more contexts');
    return hooks;
  }),
  send('cannot-release-late', (hooks) => {
    let open = true;
    return {
      async prepare(pages) {
        const prepared = await hooks.prepare(pages);
        const release = (): void => {
          if (!open) throw new Error('closed already');
          prepared.release?.();
        };
        return { ...prepared, release };
      },
      cleanup() {
        open = false;
      },
    };
  }),
];
