/**
 * Tells a listener. One that throws has a mistake of its own: that surfaces as an uncaught exception, as it does for
 * an EventTarget, and leaves the migration alone.
 */
export function emit<Event>(listener: ((event: Event) => void) | undefined, event: Event): void {
  try {
    listener?.(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
