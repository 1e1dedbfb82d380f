import { MultifdError } from '@multifd/core';
import { parseTarget, type Target } from './places.js';
import { quote } from './sizes.js';
import { parseStorePlace, type StorePlace } from './store-place.js';

/** A guest at rest. */
export type ConvertSource =
  /** RAM images. */
  | { readonly kind: 'raw'; readonly path: string }
  /** A migration file, perhaps with `,offset=N` behind it. */
  | { readonly kind: 'file'; readonly path: string }
  /** A snapshot in a store. */
  | ({ readonly kind: 'store' } & StorePlace);

/** `raw:PATH`, `store:DIR#NAME`, `file:PATH` or the path itself. @throws MultifdError `usage` */
export function parseConvertSource(text: string): ConvertSource {
  if (text.startsWith('store:')) return { kind: 'store', ...parseStorePlace(text, 'source') };
  const [, prefix] = /^(raw|file):/.exec(text) ?? [];
  const kind = prefix === 'raw' ? 'raw' : 'file';
  const path = prefix === undefined ? text : text.slice(prefix.length + 1);
  if (path !== '' && !path.includes('\0')) return { kind, path };
  throw new MultifdError('usage', `${quote(text)}: no path`, {
    hint: 'write FILE, file:FILE, raw:DIR or store:DIR#NAME',
  });
}

/** @throws MultifdError `usage` for all but `core:FILE`. */
export function parseConvertTarget(text: string): Extract<Target, { readonly kind: 'core' }> {
  if (/^core:./s.test(text)) {
    const target = parseTarget(text);
    if (target.kind === 'core') return target;
  }
  throw new MultifdError('usage', `target ${quote(text)}: a guest at rest is converted to a dump only`, {
    hint: 'write core:FILE',
  });
}
