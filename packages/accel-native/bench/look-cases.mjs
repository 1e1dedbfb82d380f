/** What `look.mjs` measures; see there. */
export const PAGE = 4096;

export const LOOKS = ['none', 'front', 'ends'];

/**
 * `mixed`: half of the pages used at random, from their first byte on. `late`: the same, but used pages begin with 64
 * zeros, which no look at the front sees. `last byte`: used in their last byte only.
 */
export const MEMORIES = ['zero', 'mixed', 'late', 'last byte', 'full'];

/** Bytes. */
export const PLACES = { 'in cache': 512 * 1024, 'out of cache': 128 * 2 ** 20 };

export function makeMemory(kind, length) {
  const wasm = new WebAssembly.Memory({ initial: length / 65536, maximum: length / 65536, shared: true });
  const memory = new Uint8Array(wasm.buffer).fill(0);
  let state = 7;
  for (let page = 0; page < length; page += PAGE) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    if (kind !== 'full' && (kind === 'zero' || (state & 1) === 0)) continue;
    const from = { late: 64, 'last byte': PAGE - 1 }[kind] ?? 0;
    memory.fill(1 + ((page / PAGE) % 255), page + from, page + PAGE);
  }
  return memory;
}
