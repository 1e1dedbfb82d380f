import { loadBinding } from '../../src/load.js';

/** Whether there is anything to test here. (MULTIFD_NATIVE=required makes a build without the addon fail.) */
export const built = 'binding' in loadBinding();

/** The built modules: threads import them by URL. */
export const PUBLIC = new URL('../../dist/index.js', import.meta.url).href;
export const FAULTY = new URL('../../dist/faulty.js', import.meta.url).href;
