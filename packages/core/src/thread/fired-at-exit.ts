import type { Interrupt } from './interrupt.js';

/** Interrupts of the migrations that run in this process. */
const open = new Set<Interrupt>();

function fireAll(): void {
  for (const each of open) each.fire();
}

/**
 * Wraps `interrupt` so that, until it is closed, it also fires when this process ends by `process.exit` or an
 * uncaught error: Node then waits for each thread in turn, and for ever for one in a blocking call.
 */
export function firedAtExit(interrupt: Interrupt): Interrupt {
  if (open.size === 0) process.on('exit', fireAll);
  open.add(interrupt);
  return {
    id: interrupt.id,
    fire: () => interrupt.fire(),
    close() {
      open.delete(interrupt);
      if (open.size === 0) process.off('exit', fireAll);
      interrupt.close();
    },
  };
}
