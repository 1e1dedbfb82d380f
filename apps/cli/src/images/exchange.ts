import { loadFiles } from '@multifd/host-linux';

/**
 * Two files swap their names in one step, as renameat2(2) does it with RENAME_EXCHANGE: at no moment is one of the names
 * free, and neither file is lost.
 * @returns false where the kernel or the file system cannot do that: then nothing has happened.
 * @throws MultifdError `io`.
 */
export type Exchange = (a: string, b: string) => boolean;

/** Undefined: the addon of host-linux is not here, which has this call whatever `--host` says. */
export function loadExchange(): Exchange | undefined {
  const files = loadFiles();
  return 'exchangeNames' in files ? files.exchangeNames : undefined;
}
