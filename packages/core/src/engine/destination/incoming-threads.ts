import { MultifdError } from '../../errors.js';
import { type Thread, ThreadGroup } from '../../thread/group.js';
import type { Interrupt } from '../../thread/interrupt.js';
import type { FromIncomingThread, IncomingThreadData, ToIncomingThread } from './messages.js';
import type { DestinationRole } from './role.js';
import { ThreadNotes } from './thread-notes.js';

/** Listener of the threads. `where` is the thread's name. */
export interface IncomingThreadsHost {
  message(message: FromIncomingThread): void;
  failed(where: string, error: MultifdError): void;
  /** The thread ended without a reason. */
  died(where: string, error: MultifdError, notes: ThreadNotes): void;
}

/** What the threads need to know of the role. */
type Role = Pick<DestinationRole<unknown>, 'failures' | 'entry' | 'threadData'>;

/** The threads of one destination, main's and each channel's. Owned by the API thread. */
export class IncomingThreads {
  readonly #group: ThreadGroup<ToIncomingThread, FromIncomingThread>;
  readonly #host: IncomingThreadsHost;
  readonly #role: Role;
  /** Main's first, then by the channel's number. */
  readonly #all: { readonly thread: Thread<ToIncomingThread>; readonly notes: ThreadNotes }[] = [];

  /**
   * @param interrupt ends the waits of threads that block; the caller's.
   */
  constructor(host: IncomingThreadsHost, role: Role, interrupt: Interrupt | undefined) {
    this.#host = host;
    this.#role = role;
    this.#group = new ThreadGroup(
      (error, where) => {
        const found = this.#all.find(({ thread }) => thread.where === where);
        host.died(where, error, found?.notes ?? new ThreadNotes(undefined));
      },
      role.failures,
      interrupt,
    );
  }

  open(data: Omit<IncomingThreadData, 'channel'>): void {
    for (let row = 0; row <= data.parameters.multifdChannels; row++) {
      const channel = row === 0 ? undefined : row - 1;
      const notes = new ThreadNotes(channel);
      const where = `incoming thread ${row}`;
      const threadData = this.#role.threadData({ ...data, channel });
      const thread = this.#group.spawn(this.#role.entry, where, threadData, (message) => {
        notes.take(message);
        if (message.type === 'failed') this.#host.failed(where, MultifdError.fromReport(message.error));
        else this.#host.message(message);
      });
      this.#all.push({ thread, notes });
    }
  }

  /** @param channel undefined: main. */
  of(channel: number | undefined): Thread<ToIncomingThread> {
    const found = this.#all[channel === undefined ? 0 : channel + 1];
    if (found === undefined) throw new MultifdError('internal', `channel ${channel} has no thread`);
    return found.thread;
  }

  isMain(where: string): boolean {
    return this.#all[0]?.thread.where === where;
  }

  /** Number of threads that have loaded what they need. */
  get ready(): number {
    return this.#all.filter(({ notes }) => notes.ready).length;
  }

  broadcast(message: ToIncomingThread): void {
    this.#group.broadcast(message);
  }

  /** @param reason what ended the migration, for its source. */
  stop(reason: MultifdError | undefined): void {
    this.#group.stop(reason === undefined ? { type: 'abort' } : { type: 'abort', reason: reason.toReport() });
  }

  join(): Promise<void> {
    return this.#group.join();
  }
}
