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

type Stream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export function openTerminal(stream: Stream = process.stderr): Terminal {
  const live = stream.isTTY ? createLogUpdate(withSize(stream)) : undefined;
  return {
    progress: (line) => live?.(line),
    note(line) {
      live?.clear();
      stream.write(`multifd: ${line}\n`);
    },
    clear: () => live?.clear(),
  };
}

/** A terminal that does not know its size says 0, as under `script` or `docker exec`; log-update then shows nothing. */
function withSize(stream: Stream): Stream {
  return Object.create(stream, {
    columns: { get: () => stream.columns || 80 },
    rows: { get: () => stream.rows || 24 },
  });
}

/** For a process whose parent speaks. */
export const SILENT: Terminal = { progress: () => {}, note: () => {}, clear: () => {} };
