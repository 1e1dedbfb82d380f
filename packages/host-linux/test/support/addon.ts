import { loadBinding, requireBinding } from '../../src/load.js';

/** Whether there is anything to test here. (MULTIFD_NATIVE=required makes a build without the addon fail.) */
export const built = 'binding' in loadBinding();

/** Mappings that can be opened, and buffers that hold one. */
export function held(): { mappings: number; buffers: number } {
  const [mappings = 0, buffers = 0] = requireBinding().heldMemory();
  return { mappings, buffers };
}
