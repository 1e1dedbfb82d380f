import { maxPagesPerPacket } from '../wire/layout.js';
import type { MethodOptions } from './methods.js';

/** What a channel's thread says to a method that it sets up. */
export function methodOptions(
  channel: number,
  pageSize: number,
  settings: Readonly<Record<string, number | string>>,
): MethodOptions {
  return { channel, pageSize, maxPages: maxPagesPerPacket(pageSize), settings };
}
