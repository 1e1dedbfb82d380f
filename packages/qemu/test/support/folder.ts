import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that goes with the test: `using folder = new TestFolder()`. Its path is short enough for sockets. */
export class TestFolder {
  readonly #open: number[] = [];
  readonly path = mkdtempSync(join(tmpdir(), 'mq-'));

  file(name: string): string {
    return join(this.path, name);
  }

  /** An empty file in it, open for as long as the folder is there: for `MappedRamWriter`. */
  open(name: string): { readonly path: string; readonly fd: number } {
    const path = this.file(name);
    const fd = openSync(path, 'wx+', 0o600);
    this.#open.push(fd);
    return { path, fd };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) closeSync(fd);
    if (process.env.MULTIFD_KEEP === undefined) rmSync(this.path, { recursive: true, force: true });
  }
}
