import type { EngineEvent } from './known.js';

/** Follows a migration to its end: `--progress json`, `--metrics`, `--trace`. */
export interface Watcher {
  /** Called behind what is known (`Known`). Must not throw, and not wait: the migration goes on only then. */
  onEvent?(event: EngineEvent): void;
  /**
   * The command is about to end.
   * @param errorDesc why it failed; undefined: all went well.
   */
  end(errorDesc: string | undefined): void | Promise<void>;
}
