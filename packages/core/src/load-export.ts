import { type ErrorCode, MultifdError } from './errors.js';
import { member } from './member.js';
import { inTime } from './time-limit.js';

/** ms that a module may take to load: a top-level `await` that never ends would block its caller for ever. */
export const LOAD_PATIENCE = 10_000;

/**
 * Imports a module and returns its export `name`, of whatever type; undefined if there is none.
 * @param module URL that this thread can import.
 * @throws MultifdError `code` if the module cannot be loaded, or not in time.
 */
export async function loadExport(module: string, name: string, code: ErrorCode): Promise<unknown> {
  const what = `cannot load module ${module}`;
  try {
    const exported: unknown = await inTime(import(module), { timeout: LOAD_PATIENCE, what, code });
    return member(exported, name);
  } catch (cause) {
    throw MultifdError.from(cause, code, what);
  }
}
