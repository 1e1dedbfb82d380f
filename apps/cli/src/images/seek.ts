import { type Files, loadFiles } from '@multifd/host-linux';

/** Finds data and holes in an open file, as lseek(2) does with SEEK_DATA and SEEK_HOLE. */
export type HoleSeeker = Pick<Files, 'nextData' | 'nextHole'>;

/** `reason` says why holes cannot be found here. */
export type SeekSupport =
  | { readonly ok: true; readonly seeker: HoleSeeker }
  | { readonly ok: false; readonly reason: string };

/** Loads the addon of host-linux, whatever `--host` says: without it, a file's holes are read like its data. */
export function loadHoleSeeker(): SeekSupport {
  const files = loadFiles();
  if ('nextData' in files) return { ok: true, seeker: files };
  return { ok: false, reason: `${files.reason}; ${files.fix}` };
}
