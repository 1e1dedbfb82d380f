import { MultifdError } from '../../errors.js';
import type { DestinationControl } from '../../recv/control.js';
import { API_THREAD } from '../../thread/first-failure.js';
import type { StatusMachine } from '../status.js';
import type { DestinationRole } from './role.js';

/** Warnings: why it is too late to cancel. */
const LET_GO = 'everything is here, and the source, which waits for no answer, has let go of it';
const HANDED_OVER = 'the destination has everything, and its word decides';

/** What an ending needs of its migration. */
export interface DestinationEndingHost {
  readonly status: StatusMachine;
  readonly control: DestinationControl;
  readonly role: Pick<DestinationRole<unknown>, 'tryAbort' | 'settle' | 'failures'>;
  warn(message: string): void;
  /** The user cancels again: the source that was told gets less time to close main. */
  leave(): void;
}

/**
 * Decides how a migration ends on its destination, in the API thread. The first error decides, unless a relay has handed
 * the guest over: then only main's thread can tell.
 */
export class DestinationEnding<Result> {
  readonly #host: DestinationEndingHost;
  readonly #outcome = Promise.withResolvers<Result>();
  readonly #told = Promise.withResolvers<void>();
  readonly #farewell = Promise.withResolvers<boolean>();
  #hasClosed = false;

  constructor(host: DestinationEndingHost) {
    this.#host = host;
  }

  /** Resolves when the guest is here; rejects with the deciding error. */
  get outcome(): Promise<Result> {
    return this.#outcome.promise;
  }

  /** Resolves when the source has been told, or will not be: `DestinationControl.isTold` says which. */
  get told(): Promise<void> {
    return this.#told.promise;
  }

  /** How main ended: whether the source that was told has closed it. */
  get farewell(): Promise<boolean> {
    return this.#farewell.promise;
  }

  /** The source that was told has closed main. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  sourceIsTold(): void {
    if (this.#host.status.is('device')) this.#told.resolve();
  }

  mainHasEnded(closed: boolean): void {
    this.#hasClosed = closed;
    this.#farewell.resolve(closed);
  }

  isHere(result: Result): void {
    this.#outcome.resolve(result);
  }

  /** A failure of main's thread: it alone can tell how a migration ends once a relay has handed it over. */
  mainFailed(error: MultifdError): void {
    this.#farewell.resolve(false);
    this.#decided(error);
  }

  /** A failure of another thread. */
  failed(error: MultifdError): void {
    if (this.#host.role.tryAbort()) this.#decided(error);
  }

  /** A failure of this thread; another thread may have failed before. */
  fail(error: MultifdError): void {
    this.#host.role.failures.hear(API_THREAD, () => this.failed(error));
  }

  /**
   * Cancels. Once the guest is here, this ends only the wait for the source to close main. Too late once the source has
   * let go of its guest.
   * @param cause why, as the caller's signal says.
   */
  cancel(cause?: unknown): void {
    const { status, control, role } = this.#host;
    if (control.isTold) this.#host.leave();
    if (status.isOver || status.is('cancelling')) return;
    // Ask first: `tryAbort` cannot be undone.
    const late = control.hasLeft ? LET_GO : role.tryAbort() ? undefined : HANDED_OVER;
    if (late !== undefined) this.#host.warn(`too late to cancel: ${late}`);
    if (late !== undefined || !control.callOff()) return;
    status.to('cancelling');
    this.#outcome.reject(new MultifdError('cancelled', 'the migration was cancelled', { cause }));
  }

  /** Fails the migration; once the source has been told, nothing can fail it any more. */
  #decided(error: MultifdError): void {
    const { status, control, role } = this.#host;
    if (status.isOver || status.is('cancelling')) return;
    role.settle();
    const off = control.giveUp();
    if (off) status.to('failed');
    this.#told.resolve();
    if (off) this.#outcome.reject(error);
  }
}
