import { describe, expect, test } from 'vitest';
import { loadBinding } from '../src/load.js';

const loaded = loadBinding();
const binding = 'binding' in loaded ? loaded.binding : undefined;

test('where the addon is not there, it says why and what to do', () => {
  if ('binding' in loaded) expect(loaded.binding.version('zlib')).toMatch(/^1\.\d/);
  else
    expect([loaded.reason, loaded.fix]).toEqual([expect.stringMatching(/./), expect.stringMatching(/Rust/)]);
  expect(process.env.MULTIFD_NATIVE === 'required' && binding === undefined).toBe(false);
});

describe.skipIf(binding === undefined)('the addon', () => {
  // Node has both libraries too: an addon must not end up with those. Of zstd it may have the same version, so only what
  // zlib's says tells.
  test('has a zlib of its own, and says which zstd', () => {
    expect(binding?.version('zlib')).toMatch(/zlib-rs/);
    expect(process.versions.zlib).not.toMatch(/zlib-rs/);
    expect(binding?.version('zstd')).toMatch(/^1\.\d+\.\d+$/);
  });

  test.each(['zlib', 'zstd'] as const)('%s: closed twice, and then of no use', (name) => {
    if (binding === undefined) return;
    const packer = new binding.Packer(name, 1);
    const unpacker = new binding.Unpacker(name);
    const output = new Uint8Array(9000);
    const size = packer.pack([new Uint8Array(4096).fill(3)], output);
    unpacker.unpack(output.subarray(0, size), [new Uint8Array(4096)]);
    for (const stream of [packer, unpacker]) {
      stream.close();
      stream.close();
    }
    expect(() => packer.pack([new Uint8Array(4096)], output)).toThrow(/closed/);
    expect(() => unpacker.unpack(output, [new Uint8Array(4096)])).toThrow(/closed/);
  });
});
