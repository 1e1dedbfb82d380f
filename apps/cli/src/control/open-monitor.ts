import { MultifdError } from '@multifd/core';
import type { Interrupt } from '../interrupt.js';
import type { Terminal } from '../report/terminal.js';
import { CommandMonitor, type Steered } from './command-monitor.js';
import type { MonitorOptions } from './ordered.js';

/** The monitor that was asked for. @throws MultifdError `usage` or `io`. */
export async function openMonitor(
  steered: Steered,
  options: MonitorOptions,
  terminal: Terminal,
): Promise<CommandMonitor | undefined> {
  const { qmp, defer = false } = options;
  if (qmp === undefined) {
    if (!defer) return undefined;
    throw new MultifdError('usage', '--defer waits for an order over QMP: give --qmp ADDRESS too');
  }
  const monitor = await CommandMonitor.open(qmp, steered, defer, options);
  terminal.note(`QMP on ${monitor.where}${defer ? ', waiting for orders' : ''}`);
  return monitor;
}

/** The wish to stop, of the user's or of a client of the monitor. */
export function steeredBy(monitor: CommandMonitor | undefined, interrupt: Interrupt): Interrupt {
  if (monitor === undefined) return interrupt;
  return { ...interrupt, signal: AbortSignal.any([interrupt.signal, monitor.signal]) };
}
