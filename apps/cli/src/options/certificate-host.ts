import { isIP } from 'node:net';
import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** A host of `--host`. @throws MultifdError `usage` if it is neither a name nor an address. */
export function parseHost(given: string, before: readonly string[] = []): readonly string[] {
  const isName = given.length <= 253 && /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$/.test(given);
  if (isIP(given) !== 0 || isName) return [...before, given];
  throw new MultifdError('usage', `--host ${quote(given)}: neither a host name nor an address`, {
    hint: 'as in --host dst.example --host 192.0.2.7',
  });
}
