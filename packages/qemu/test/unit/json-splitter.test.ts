import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { JsonSplitter } from '../../src/monitor/json-splitter.js';
import { Refusal } from '../../src/monitor/refusal.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function split(chunks: readonly Uint8Array[], longest = 1000): (string | Refusal)[] {
  const splitter = new JsonSplitter(longest);
  return chunks.flatMap((chunk) => [...splitter.push(chunk)]);
}

describe('what a client sends is cut into values', () => {
  it.each([
    ['no line ends, as the Python client', '{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']],
    ['lines, as QEMU writes them', '{"a":1}\r\n\r\n  {"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ['a value over several lines', '{\n "a": [\n1]\n}\n', ['{\n "a": [\n1]\n}']],
    ['brackets and quotes in strings', '{"a":"}]\\"{["}{"b":0}', ['{"a":"}]\\"{["}', '{"b":0}']],
    ['a backslash at the end of a string', '{"a":"\\\\"}{}', ['{"a":"\\\\"}', '{}']],
    ['no command', 'quit\n{"a":1}', ['quit', '{"a":1}']],
    ['a bracket too many', '}{"a":1}', ['}', '{"a":1}']],
    ['nothing', ' \r\n\t', []],
    ['an unfinished one', '{"a":', []],
  ])('%s', (_what, text, values) => {
    expect(split([bytes(text)])).toEqual(values);
    expect(split([...bytes(text)].map((byte) => Uint8Array.of(byte)))).toEqual(values);
  });

  it('0xff drops what came before it', () => {
    expect(split([bytes('{"a":"'), Uint8Array.of(0xff), bytes('{"b":1}')])).toEqual(['{"b":1}']);
  });

  it('a value beyond the limit is refused', () => {
    const endless = bytes(`{"a":"${'x'.repeat(200)}`);
    expect(() => split([endless], 100)).toThrow(Refusal);
    expect(() => split([bytes(`{"a":"${'x'.repeat(200)}"}`)], 100)).toThrow(Refusal);
    // Space between values does not count.
    expect(split([bytes(' '.repeat(500)), bytes('{}')], 100)).toEqual(['{}']);
  });

  it('what is not UTF-8, or too deep, is refused, and what follows is read', () => {
    const broken = Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d);
    expect(split([broken, bytes('{"a":1}')])).toEqual([
      new Refusal('JSON parse error, invalid UTF-8 sequence in string'),
      '{"a":1}',
    ]);
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(split([bytes(`${nested(1025)}${nested(1024)}`)], 5000)).toEqual([
      new Refusal('JSON nesting depth limit exceeded'),
      nested(1024),
    ]);
  });

  it('chunks do not matter: values of a seed, cut anywhere', () => {
    const random = createRandom(testSeed());
    const value = (depth: number): unknown => {
      const kind = random.int(depth > 3 ? 3 : 5);
      if (kind === 0) return random.int(1000);
      if (kind === 1) return ['"', '\\', '}', '{[', 'ä€😀', '\n'].slice(random.int(6)).join('');
      if (kind === 2) return null;
      const children = Array.from({ length: random.int(4) }, () => value(depth + 1));
      return kind === 3
        ? children
        : Object.fromEntries(children.map((child, index) => [`k${index}"`, child]));
    };
    for (let round = 0; round < 200; round++) {
      const values = Array.from({ length: 1 + random.int(4) }, () => ({ v: value(0) }));
      const all = bytes(values.map((each) => JSON.stringify(each)).join(random.int(2) === 0 ? '' : '\n'));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < all.length; ) {
        const next = at + 1 + random.int(20);
        chunks.push(all.subarray(at, next));
        at = next;
      }
      expect(split(chunks, 2 ** 20).map((text) => JSON.parse(String(text)))).toEqual(values);
    }
  });
});
