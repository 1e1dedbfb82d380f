import { createLogUpdate } from 'log-update';

/** Where the command speaks to people: stderr. stdout is for results. */
export interface Terminal {
  /** A line that is overwritten by the next; on a terminal only. */
  progress(line: string): void;
  /** A line that stays. */
  note(line: string): void;
  /** Takes the progress line away. */
  clear(): void;
}

export function openTerminal(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stderr,
): Terminal {
  const live = stream.isTTY ? createLogUpdate(stream) : undefined;
  return {
    progress: (line) => live?.(line),
    note(line) {
      live?.clear();
      stream.write(`multifd: ${line}\n`);
    },
    clear: () => live?.clear(),
  };
}

/** For a process whose parent speaks. */
export const SILENT: Terminal = { progress: () => {}, note: () => {}, clear: () => {} };
