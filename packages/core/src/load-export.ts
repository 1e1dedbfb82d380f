import { type ErrorCode, MultifdError } from './errors.js';
import { member } from './member.js';

/**
 * What a module exports under `name`, whatever that is; undefined if nothing.
 * @param module URL that this thread can import.
 * @throws MultifdError `code` if the module cannot be loaded.
 */
export async function loadExport(module: string, name: string, code: ErrorCode): Promise<unknown> {
  let exported: unknown;
  try {
    exported = await import(module);
  } catch (cause) {
    throw MultifdError.from(cause, code, `cannot load module ${module}`);
  }
  return member(exported, name);
}
