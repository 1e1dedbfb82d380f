import { MultifdError } from '../errors.js';
import { isPageSize } from './layout.js';

/** @throws MultifdError `usage` unless `pageSize` is a power of two from 4096 to 65536. */
export function requirePageSize(pageSize: number): void {
  if (!isPageSize(pageSize)) {
    throw new MultifdError('usage', `page size ${pageSize}: must be a power of two from 4096 to 65536`);
  }
}
