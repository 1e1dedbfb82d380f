import type { FromIncomingThread } from './messages.js';

/** How far one incoming thread has come, as it has told. */
export class ThreadNotes {
  /** It has loaded what it needs and waits for a connection, or has one. */
  ready = false;
  /** The channel that its connection is; undefined before it is known, and for main. */
  channel: number | undefined;

  take(message: FromIncomingThread): void {
    if (message.type === 'ready') this.ready = true;
    else if (message.type === 'is-channel') this.channel = message.channel;
    else if (message.type === 'is-main') this.channel = undefined;
  }
}
