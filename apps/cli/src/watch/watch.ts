import type { DestinationStatistics, Migrating } from '@multifd/core';
import type { MigrationOrder } from '@multifd/qemu';
import type { CommandMonitor, Steered } from '../control/command-monitor.js';
import { openMonitor, steeredBy } from '../control/open-monitor.js';
import type { MonitorOptions } from '../control/ordered.js';
import type { Processor } from '../guest/processor.js';
import type { Interrupt } from '../interrupt.js';
import type { Terminal } from '../report/terminal.js';
import { type EngineEvent, Known } from './known.js';
import { ProgressLines } from './progress-lines.js';
import { Trace } from './trace.js';
import type { Watcher } from './watcher.js';

/**
 * All that watch or steer the migration of a command, as its options ask for: the one place to which the engine's events go.
 * Without such options it does nothing.
 */
export class Watch {
  readonly #known: Known;
  readonly #watchers: Watcher[] = [];
  #monitor: CommandMonitor | undefined;

  private constructor(command: Steered) {
    this.#known = new Known(command);
  }

  /** @throws MultifdError `usage` or `io`; then nothing is left open. */
  static async open(command: Steered, options: MonitorOptions, terminal: Terminal): Promise<Watch> {
    const watch = new Watch(command);
    try {
      await watch.#open(command, options, terminal);
    } catch (error) {
      await watch.#end(undefined);
      watch.#monitor?.close();
      throw error;
    }
    return watch;
  }

  async #open(command: Steered, options: MonitorOptions, terminal: Terminal): Promise<void> {
    if (options.progress === 'json')
      this.#watchers.push(new ProgressLines(this.#known, (line, must) => terminal.data(line, must)));
    const note = (line: string): void => terminal.note(line);
    if (options.trace !== undefined) this.#watchers.push(await Trace.open(options.trace, this.#known, note));
    if (options.metrics !== undefined) {
      // Loaded only if it is asked for, as its library.
      const { MetricsServer } = await import('./metrics-server.js');
      const server = await MetricsServer.listen(options.metrics, this.#known);
      this.#watchers.push(server);
      note(`metrics at ${server.url}`);
    }
    this.#monitor = await openMonitor(command, options, terminal);
  }

  /** The wish to stop, of the user's or of a client of the monitor. */
  steers(interrupt: Interrupt): Interrupt {
    return steeredBy(this.#monitor, interrupt);
  }

  /** What a client of the monitor has ordered; undefined without a monitor. @throws as `CommandMonitor.order`. */
  async order(signal: AbortSignal): Promise<MigrationOrder | undefined> {
    return this.#monitor?.order(signal);
  }

  /** See `CommandMonitor`. */
  hasGuest(processor: Processor | undefined): void {
    this.#monitor?.hasGuest(processor);
  }

  /** See `CommandMonitor`. */
  listening(): void {
    this.#monitor?.listening();
  }

  /** See `CommandMonitor`. */
  arrived(runs: boolean): void {
    this.#monitor?.arrived(runs);
  }

  /** A source's migration runs. */
  begun(migrating: Migrating): void {
    this.#known.begun(migrating);
    this.#monitor?.begun(migrating);
  }

  /** All has arrived at a destination or a relay. */
  received(statistics: DestinationStatistics): void {
    this.#known.received(statistics);
  }

  /** Takes what the engine reports. */
  onEvent(event: EngineEvent): void {
    this.#known.onEvent(event);
    this.#monitor?.onEvent(event);
    for (const watcher of this.#watchers) watcher.onEvent?.(event);
  }

  /**
   * The command is about to end. With --defer that waits for `quit`, or until `signal` aborts.
   * @param error undefined: all went well.
   */
  async end(error: unknown, signal: AbortSignal, note: (line: string) => void): Promise<void> {
    const errorDesc =
      error === undefined ? undefined : error instanceof Error ? error.message : String(error);
    if (errorDesc !== undefined) this.#known.failed(errorDesc);
    await this.#monitor?.end(error, signal, note);
    await this.#end(errorDesc);
  }

  async #end(errorDesc: string | undefined): Promise<void> {
    for (const watcher of this.#watchers) await watcher.end(errorDesc);
  }
}
