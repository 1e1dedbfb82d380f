import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that goes with the test: `using folder = new TestFolder()`. Its path is short enough for sockets. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'mq-'));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    if (process.env.MULTIFD_KEEP === undefined) rmSync(this.path, { recursive: true, force: true });
  }
}
