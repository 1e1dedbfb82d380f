import { loadBinding } from './load.js';
import { attempt } from './native-error.js';

/** What Node cannot do with files on Linux. */
export interface Files {
  /**
   * Offset in bytes of the first data at or after `offset`; undefined if there is none. As lseek(2) does with SEEK_DATA: it
   * moves the position of `fd`.
   * @throws MultifdError `io` if the file cannot tell.
   */
  nextData(fd: number, offset: number): number | undefined;
  /**
   * Offset in bytes of the first hole at or after `offset`; the end of the file counts as one. Moves the position of `fd`.
   * @throws MultifdError `io` if the file cannot tell.
   */
  nextHole(fd: number, offset: number): number;
  /**
   * Whether anybody has the file open for writing, or mapped so. Asked by a lease (fcntl(2), F_SETLEASE), which is given
   * back at once.
   * @param fd that can only read.
   * @returns undefined where it cannot be told: another user's file, a file system without leases.
   */
  isOpenForWriting(fd: number): boolean | undefined;
  /**
   * Two files swap their names in one step, as renameat2(2) does with RENAME_EXCHANGE.
   * @returns false where the kernel or the file system cannot do that: then nothing has happened.
   * @throws MultifdError `io`.
   */
  exchangeNames(a: string, b: string): boolean;
}

/** The functions, or why they are not to be had and what to do. Never throws. */
export function loadFiles(): Files | { readonly reason: string; readonly fix: string } {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return { reason: loaded.reason, fix: loaded.fix };
  const { binding } = loaded;
  return {
    nextData: (fd, offset) => {
      const found = attempt(() => binding.nextData(fd, offset));
      return found < 0 ? undefined : found;
    },
    nextHole: (fd, offset) => {
      const found = attempt(() => binding.nextHole(fd, offset));
      return found < 0 ? offset : found;
    },
    isOpenForWriting: (fd) => binding.isOpenForWriting(fd) ?? undefined,
    exchangeNames: (a, b) => attempt(() => binding.exchangeNames(a, b)),
  };
}
