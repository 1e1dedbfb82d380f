import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** A Chromium on this machine; undefined: there is none. `MULTIFD_CHROMIUM` names another one. */
export function findChromium(): string | undefined {
  const named = process.env.MULTIFD_CHROMIUM;
  if (named !== undefined && named !== '') return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(canRun);
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Opened {
  /** The document as it is once it was loaded and its scripts have run. */
  readonly dom: string;
  /** What scripts and the browser told on the console: refused requests, errors. */
  readonly console: readonly string[];
}

/** Opens a page from a file, in a Chromium that finds no host whatever it is asked. */
export async function openPage(chromium: string, file: string): Promise<Opened> {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  try {
    const { stdout, stderr } = await promisify(execFile)(
      chromium,
      [
        ...[
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-dev-shm-usage',
          '--window-size=1300,2000',
        ],
        ...['--host-resolver-rules=MAP * ~NOTFOUND', '--enable-logging=stderr', `--user-data-dir=${profile}`],
        ...['--dump-dom', pathToFileURL(file).href],
      ],
      { timeout: 100_000, maxBuffer: 64 * 2 ** 20 },
    );
    return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes(':CONSOLE')) };
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
