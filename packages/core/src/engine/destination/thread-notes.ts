import type { FromIncomingThread } from './messages.js';

/** How far one incoming thread has come, by its messages. */
export class ThreadNotes {
  /** It has loaded what it needs and waits for its connection, or has it. */
  ready = false;
  /** The channel that it is for; undefined for main. */
  readonly channel: number | undefined;

  constructor(channel: number | undefined) {
    this.channel = channel;
  }

  take(message: FromIncomingThread): void {
    if (message.type === 'ready') this.ready = true;
  }
}
