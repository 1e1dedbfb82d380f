import { firstLine, loadLibc } from './libc.js';

/** Finds data and holes in an open file, as lseek(2) does with SEEK_DATA and SEEK_HOLE. */
export interface HoleSeeker {
  /** Offset of the first data at or after `offset`; undefined if there is none. */
  nextData(fd: number, offset: number): number | undefined;
  /** Offset of the first hole at or after `offset`, which lies in data; the end of the file counts as one. */
  nextHole(fd: number, offset: number): number;
}

/** `reason` says why holes cannot be found here. */
export type SeekSupport =
  | { readonly ok: true; readonly seeker: HoleSeeker }
  | { readonly ok: false; readonly reason: string };

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;

let support: Promise<SeekSupport> | undefined;

export function loadHoleSeeker(): Promise<SeekSupport> {
  support ??= load();
  return support;
}

async function load(): Promise<SeekSupport> {
  const libc = await loadLibc();
  if (!libc.ok) return libc;
  try {
    const lseek = libc.lib.func('int64_t lseek(int fd, int64_t offset, int whence)');
    const seek = (fd: number, offset: number, whence: number): number | undefined => {
      const found = Number(lseek(fd, offset, whence));
      if (found >= 0) return found;
      const errno = libc.errno();
      if (errno === ENXIO) return undefined;
      throw new Error(`lseek failed with error number ${errno}`);
    };
    return {
      ok: true,
      seeker: {
        nextData: (fd, offset) => seek(fd, offset, SEEK_DATA),
        nextHole: (fd, offset) => seek(fd, offset, SEEK_HOLE) ?? offset,
      },
    };
  } catch (error) {
    return { ok: false, reason: firstLine(error) };
  }
}
