import { EXIT } from '../exit-codes.js';
import { cancelled, type Interrupt } from '../interrupt.js';

/** ms from the parent's end until this process ends, whatever it was doing. */
const GRACE = 3000;

/**
 * A loopback destination does what its parent does: a terminal's Ctrl-C reaches both, and the parent alone decides
 * what follows. When the parent is gone, in whatever way, this process ends.
 */
export function followParent(): Interrupt {
  const controller = new AbortController();
  const ignore = () => {};
  const onDisconnect = () => {
    controller.abort(cancelled());
    setTimeout(() => process.exit(EXIT.failed), GRACE).unref();
  };
  process.on('SIGINT', ignore);
  process.on('disconnect', onDisconnect);
  if (!process.connected) onDisconnect();
  return {
    signal: controller.signal,
    reached() {},
    release() {
      process.off('disconnect', onDisconnect);
      process.off('SIGINT', ignore);
    },
  };
}

/** Ends this process as soon as the one that has started it has ended: nobody waits for what it would do. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(EXIT.failed));
  // Listening alone must not keep it alive.
  process.channel?.unref();
  if (!process.connected) process.exit(EXIT.failed);
}
