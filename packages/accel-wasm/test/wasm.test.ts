import { describe, expect, test } from 'vitest';
import { accelerators } from '../src/index.js';
import { instantiate, readTwin } from '../src/twin.js';

const PAGE = 4096;

test('the better twin, and each by its name; auto looks at the first', () => {
  expect(accelerators.map(({ name, capabilities }) => [name, capabilities.automatic])).toEqual([
    ['wasm', true],
    ['wasm-simd', false],
    ['wasm-scalar', false],
  ]);
});

test('wasm says that it uses SIMD, and wasm-scalar that it does not', async () => {
  expect(await accelerators[0]?.probe({})).toMatchObject({
    ok: true,
    detail: expect.stringContaining('SIMD'),
  });
  expect(await accelerators[2]?.probe({})).toMatchObject({
    ok: true,
    detail: expect.stringContaining('scalar'),
  });
});

describe.each(['simd', 'scalar'] as const)('the twin %s', (name) => {
  test('brings nothing along that instantiating it would write to guest memory', () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const bytes = new Uint8Array(memory.buffer).fill(0xa5);
    const zeroPages = instantiate(name, memory);
    expect(zeroPages(0, 32, PAGE)).toBe(0);
    expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
    // Section 11 is data, which is copied into memory.
    expect(sections(readTwin(name))).not.toContain(11);
  });

  test('has the same export with the same answers: a bit for each page', () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const bytes = new Uint8Array(memory.buffer);
    const zeroPages = instantiate(name, memory);
    expect(zeroPages(0, 32, PAGE)).toBe(-1);
    bytes[PAGE] = 1;
    bytes[32 * PAGE - 1] = 1;
    expect(zeroPages(0, 32, PAGE)).toBe(0x7ffffffd);
    expect(zeroPages(PAGE + 1, 3, PAGE)).toBe(7);
  });

  test('looks at the last page of 4 GiB, whose end is 0 in 32 bits', () => {
    const memory = new WebAssembly.Memory({ initial: 65536, maximum: 65536, shared: true });
    const bytes = new Uint8Array(memory.buffer);
    const last = bytes.length - PAGE;
    const zeroPages = instantiate(name, memory);
    expect(zeroPages(last, 1, PAGE)).toBe(1);
    bytes[last] = 1;
    expect(zeroPages(last, 1, PAGE)).toBe(0);
    expect(zeroPages(last - PAGE, 2, PAGE)).toBe(1);
  });

  test('does not read beyond its memory', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const zeroPages = instantiate(name, memory);
    expect(() => zeroPages(65536 - PAGE + 1, 1, PAGE)).toThrow(/out of bounds/);
  });
});

test.each([true, false])('an offset without a whole page is an error (in place: %s)', async (inPlace) => {
  const wasmMemory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const memory = new Uint8Array(wasmMemory.buffer, PAGE, 2 * PAGE);
  const detector = await accelerators[0]?.open({ pageSize: PAGE, settings: {} });
  for (const offset of [PAGE + 1, 2 * PAGE, -PAGE, 0.5, Number.NaN]) {
    const batch = { memory, offsets: Float64Array.of(offset), count: 1, ...(inPlace ? { wasmMemory } : {}) };
    expect(() => detector?.detect(batch, new Uint8Array(1)), `${offset}`).toThrow(RangeError);
  }
});

/** Ids of a module's sections. */
function sections(code: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < code.length; ) {
    ids.push(code[at++] ?? 0);
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = code[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    at += size;
  }
  return ids;
}
