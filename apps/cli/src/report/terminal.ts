import { constants, openSync, writeSync } from 'node:fs';

/** Where the command speaks to people: stderr. stdout is for results. */
export interface Terminal {
  /** A line that is overwritten by the next; on a terminal only. */
  progress(line: string): void;
  /** A line that stays. */
  note(line: string): void;
  /**
   * A line for programs, which stays. It must not hold the guest for a reader that stands still: then it is lost.
   * @param must it waits here for its reader, instead.
   */
  data(line: string, must: boolean): void;
  /** Takes the progress line away. */
  clear(): void;
}

type LiveLine = ((line: string) => void) & { clear(): void };

type Stream = NodeJS.WritableStream & {
  readonly writableNeedDrain?: boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** @param isForPrograms no progress line. */
export async function openTerminal(
  isForPrograms = false,
  stream: Stream = process.stderr,
): Promise<Terminal> {
  const free = stream.isTTY && stream === process.stderr ? unheld(stream) : stream;
  const live = stream.isTTY && !isForPrograms ? await liveLine(free) : undefined;
  return {
    progress: (line) => live?.(line),
    note(line) {
      live?.clear();
      stream.write(`multifd: ${line}\n`);
    },
    data(line, must) {
      if (must || free.writableNeedDrain !== true) free.write(`${line}\n`);
    },
    clear: () => live?.clear(),
  };
}

/** Notes of a command that its document has: others may come any number of times. */
const MOST_NOTES = 100;

/** The same terminal. @param notes gets its first notes, for the document: who reads that may not see stderr. */
export function noting(terminal: Terminal, notes: string[]): Terminal {
  return {
    ...terminal,
    note(line) {
      if (notes.length < MOST_NOTES) notes.push(line);
      terminal.note(line);
    },
  };
}

/** A document's member: absent if nothing was noted. */
export function notesMember(notes: readonly string[]): { readonly notes?: readonly string[] } {
  return notes.length === 0 ? {} : { notes };
}

/** log-update would hide the cursor by way of stderr itself, whatever the stream: that may be held. */
async function liveLine(stream: Stream): Promise<LiveLine> {
  // A tenth of all that a command loads: only where there is a terminal.
  const { createLogUpdate } = await import('log-update');
  return createLogUpdate(withSize(stream), { showCursor: true });
}

/** A terminal that does not know its size says 0, as under `script` or `docker exec`; log-update then shows nothing. */
function withSize(stream: Stream): Stream {
  return Object.create(stream, {
    columns: { get: () => stream.columns || 80 },
    rows: { get: () => stream.rows || 24 },
  });
}

/**
 * The same terminal, but what it does not take at once is lost. Node waits for a terminal that is held (Ctrl-S): no guest may
 * stand still because of a progress line.
 */
function unheld(stream: Stream): Stream {
  const fd = openAgain();
  const write = (text: string): boolean => {
    if (fd === undefined) return true;
    try {
      writeSync(fd, text);
    } catch {
      // Held, or gone.
    }
    return true;
  };
  return Object.create(stream, { write: { value: write } });
}

/** stderr, opened once more: whether its own descriptor waits is set for everybody who has it. */
function openAgain(): number | undefined {
  const path = process.platform === 'linux' ? '/proc/self/fd/2' : '/dev/tty';
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // Then there is no progress line.
    return undefined;
  }
}

/** For a process whose parent speaks. */
export const SILENT: Terminal = { progress: () => {}, note: () => {}, data: () => {}, clear: () => {} };
