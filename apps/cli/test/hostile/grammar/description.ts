import type { Random } from '@multifd/testing/random';
import { pick } from './bytes.ts';

const DEPTH = 100_000;
const deepList = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`;
const deepObject = `${'{"a":'.repeat(DEPTH)}0${'}'.repeat(DEPTH)}`;

/** Fields that nest, each the struct of the one outside. */
function deepFields(member: 'struct' | 'fields' | 'subsections'): string {
  const field = '"name":"f","type":"struct","size":1,"vmsd_name":"v"';
  if (member === 'struct') {
    const open = `{${field},"struct":{"vmsd_name":"v","version":1,"fields":[`;
    return `{"name":"timer","instance_id":0,"fields":[${open.repeat(DEPTH)}${']}}'.repeat(DEPTH)}]}`;
  }
  const open = `{${field},"${member}":[`;
  return `{"name":"timer","instance_id":0,"fields":[],"${member}":[${open.repeat(DEPTH)}${']}'.repeat(DEPTH)}]}`;
}

const device = (members: string): string => `{"name":"timer","instance_id":0,${members}}`;
const field = (members: string): string => device(`"fields":[{"name":"f","type":"uint8",${members}}]`);
const list = (count: number, each: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => each(index)).join();

/** Lists of devices, as text: what stands between the brackets of `devices`. */
const DEVICES: readonly (() => string)[] = [
  () => deepList,
  () => deepObject,
  () => `{"name":${deepList},"instance_id":0,"size":3}`,
  () => `{"name":"timer","instance_id":${deepObject},"size":3}`,
  () => '{"name":{"toString":1,"valueOf":1},"instance_id":0,"size":3}',
  () => '{"name":"timer","instance_id":{"toString":null},"size":3}',
  () => deepFields('struct'),
  () => deepFields('fields'),
  () => deepFields('subsections'),
  () => device('"size":1e999'),
  () => device('"size":-1'),
  () => device('"size":9007199254740993'),
  () => device('"size":"3"'),
  () => device('"size":3,"size":4,"size":3'),
  () => device('"size":3,"__proto__":{"fields":[{"name":"x","size":3}]}'),
  () => device('"fields":[{"__proto__":{"name":"f","size":3}}]'),
  () => device('"fields":[{"name":"__proto__","type":"uint8","size":3}]'),
  () => device('"size":3,"constructor":{"prototype":{"polluted":1}}'),
  () => field('"size":4294967296,"array_len":4294967296'),
  () => field('"size":0,"array_len":9007199254740991'),
  () => field('"size":1,"array_len":3,"index":9007199254740991'),
  () => field('"size":1.5,"array_len":2'),
  () =>
    device(`"fields":[${list(50_000, (index) => `{"name":"a","index":${index},"type":"uint8","size":0}`)}]`),
  () => device(`"fields":[${list(50_000, (index) => `{"name":"n${index}","type":"uint8","size":0}`)}]`),
  () => device(`"fields":[],"subsections":[${list(20_000, () => '{"vmsd_name":"s","fields":[]}')}]`),
  () => device(`"fields":[],"subsections":[{"vmsd_name":"${'s'.repeat(70_000)}","fields":[]}]`),
  () => list(50_000, () => '{"name":"timer","instance_id":0,"size":3}'),
  () => list(500_000, () => '[]'),
  () => 'null,true,0,"timer",[]',
  () => '{"name":"timer\\u0000","instance_id":0,"size":3}',
  () => '{"name":"\\ud800","instance_id":0,"size":3}',
  () => '{"name":"a\\nmultifd: completed","instance_id":0,"size":3}',
  () => '{"name":"timer","instance_id":-1,"size":3}',
  () => '',
];

/** Whole descriptions. */
const TEXTS: readonly (() => string)[] = [
  () => '',
  () => 'null',
  () => '[]',
  () => '{}',
  () => '{"devices":{}}',
  () => '{"devices":{"length":4294967295}}',
  () => '{"__proto__":{"devices":[]}}',
  () => '{"devices":[],"devices":0}',
  () => '{"page_size":1e308,"devices":[]}',
  () => '{"page_size":0,"devices":[]}',
  () => '{"page_size":8192,"devices":[]}',
  () => '{"page_size":{"toString":1},"devices":[]}',
  () => deepList,
  () => deepObject,
  () => '['.repeat(DEPTH),
  () => `"${'\\u0000'.repeat(10_000)}"`,
  () => `{"devices":[]}${' '.repeat(100_000)}`,
  () => `${'1'.repeat(100_000)}`,
  () => '\u0000\u0006\u0000\u0000\u0000\u0000{"devices":[]}',
];

/** A description of devices, JSON or nearly, that no QEMU writes. */
export function hostileDescription(random: Random): string {
  if (random.int(3) === 0) return pick(random, TEXTS)();
  return `{"configuration":{},"page_size":4096,"devices":[${pick(random, DEVICES)()}]}`;
}
