import { maxPagesPerPacket } from '../wire/layout.js';
import type { MethodOptions } from './methods.js';

/** The options with which a channel's thread sets up a method. */
export function methodOptions(
  channel: number,
  pageSize: number,
  settings: Readonly<Record<string, number | string>>,
): MethodOptions {
  return { channel, pageSize, maxPages: maxPagesPerPacket(pageSize), settings };
}
