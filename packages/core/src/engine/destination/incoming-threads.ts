import { MultifdError } from '../../errors.js';
import { channelsOfThreads, channelThreads, rowsTogether } from '../../limits/channel-threads.js';
import { type Thread, ThreadGroup } from '../../thread/group.js';
import type { Interrupt } from '../../thread/interrupt.js';
import { canShare } from '../../transport/can-share.js';
import type { FromIncomingThread, IncomingThreadData, ToIncomingThread } from './messages.js';
import type { DestinationRole } from './role.js';
import { ThreadNotes } from './thread-notes.js';

/** Listener of the threads. `where` is the thread's name. */
export interface IncomingThreadsHost {
  message(message: FromIncomingThread): void;
  failed(where: string, error: MultifdError): void;
  /** The thread ended without a reason. `where`, `notes`: of its jobs; the name is the first one's. */
  died(where: string, error: MultifdError, notes: readonly ThreadNotes[]): void;
}

/** What the threads need to know of the role. */
type Role = Pick<DestinationRole<unknown>, 'failures' | 'entry' | 'threadData' | 'sharesThreads'>;

interface Started {
  readonly thread: Thread<ToIncomingThread>;
  readonly notes: ThreadNotes;
}

/** The threads of one destination: main's, and those of the channels. Owned by the API thread. */
export class IncomingThreads {
  readonly #group: ThreadGroup<ToIncomingThread, FromIncomingThread>;
  readonly #host: IncomingThreadsHost;
  readonly #role: Role;
  /** By the channel's number; undefined: main's. */
  readonly #all = new Map<number | undefined, Started>();
  #together: ((row: number) => readonly number[]) | undefined;

  /**
   * @param interrupt ends the waits of threads that block; the caller's.
   */
  constructor(host: IncomingThreadsHost, role: Role, interrupt: Interrupt | undefined) {
    this.#host = host;
    this.#role = role;
    this.#group = new ThreadGroup(
      (error, jobs) => {
        const [where = ''] = jobs;
        const all = [...this.#all.values()].filter(({ thread }) => jobs.includes(thread.where));
        host.died(
          where,
          error,
          all.map(({ notes }) => notes),
        );
      },
      role.failures,
      interrupt,
    );
  }

  open(data: Omit<IncomingThreadData, 'channel'>): void {
    const { multifdChannels } = data.parameters;
    const share = this.#role.sharesThreads && canShare(data.tls ? data : undefined, data.socketIo);
    this.#start(data, [undefined]);
    const threads = channelThreads(multifdChannels, share);
    this.#together = rowsTogether(multifdChannels, threads);
    for (const channels of channelsOfThreads(multifdChannels, threads)) this.#start(data, channels);
  }

  /** Starts one thread for main, or for `channels`. */
  #start(data: Omit<IncomingThreadData, 'channel'>, channels: readonly (number | undefined)[]): void {
    const started = channels.map((channel) => {
      const notes = new ThreadNotes(channel);
      const where = `incoming thread ${channel === undefined ? 0 : channel + 1}`;
      const onMessage = (message: FromIncomingThread): void => {
        notes.take(message);
        if (message.type === 'failed') this.#host.failed(where, MultifdError.fromReport(message.error));
        else this.#host.message(message);
      };
      return { notes, where, data: this.#role.threadData({ ...data, channel }), onMessage };
    });
    const threads = this.#group.spawnShared(this.#role.entry, started);
    for (const thread of threads) {
      const notes = started.find(({ where }) => where === thread.where)?.notes;
      if (notes !== undefined) this.#all.set(notes.channel, { thread, notes });
    }
  }

  /** As `rowsTogether`. */
  together(row: number): readonly number[] {
    return this.#together?.(row) ?? [row];
  }

  /** @param channel undefined: main. */
  of(channel: number | undefined): Thread<ToIncomingThread> {
    const found = this.#all.get(channel);
    if (found === undefined) throw new MultifdError('internal', `channel ${channel} has no thread`);
    return found.thread;
  }

  isMain(where: string): boolean {
    return this.#all.get(undefined)?.thread.where === where;
  }

  /** Number of threads that have loaded what they need. */
  get ready(): number {
    return [...this.#all.values()].filter(({ notes }) => notes.ready).length;
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
