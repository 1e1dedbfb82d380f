import { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { SourceControl } from '../../send/control.js';
import { type Announced, withEarlyHint } from '../../send/diagnosis.js';
import { API_THREAD, type FirstFailure } from '../../thread/first-failure.js';
import type { ReasonMessage } from '../reason-message.js';
import type { StatusMachine } from '../status.js';
import { AwaitedReason } from './heard-reason.js';

/** What an ending needs of its migration. */
export interface SourceEndingHost {
  readonly status: StatusMachine;
  readonly parameters: MigrationParameters;
  readonly announced: Omit<Announced, 'wire'>;
  /** Says who has the guest. */
  readonly control: SourceControl;
  readonly failures: FirstFailure;
  readonly requestReport: boolean;
  /** The user has cancelled. */
  readonly isAborted: () => boolean;
  /** Whether the guest was stopped, or is about to be. */
  readonly isStopping: () => boolean;
  warn(message: string): void;
  /** Called when the guest has left. */
  completed(): void;
  stopThreads(): void;
}

/**
 * Decides how a migration ends on its source, in the API thread. The first error decides, unless the guest has been
 * handed over: then the destination's answer does, which the migration thread waits for.
 */
export class SourceEnding {
  readonly #host: SourceEndingHost;
  readonly #outcome = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<Uint8Array | undefined>();
  readonly #reason = new AwaitedReason((error) => this.#decided(error));
  #channelsDone = 0;
  #sentAll = false;

  constructor(host: SourceEndingHost) {
    this.#host = host;
    // Mark the rejections handled: if nobody awaits them yet, the outcome reports the failure.
    this.#outcome.promise.catch(() => {});
    this.#reported.promise.catch(() => {});
  }

  /** Resolves when the guest has left; rejects with the deciding error. */
  get outcome(): Promise<void> {
    return this.#outcome.promise;
  }

  /** The destination's report; undefined if none will come. */
  get report(): Promise<Uint8Array | undefined> {
    return this.#reported.promise;
  }

  /** Failed, cancelled or completed, or about to be cancelled. */
  get isDecided(): boolean {
    const { status } = this.#host;
    return status.isOver || status.is('cancelling');
  }

  /** Advances the status, unless a failure or cancellation came first. */
  step(status: 'active' | 'device'): void {
    if (!this.isDecided) this.#host.status.to(status);
  }

  channelDone(): void {
    this.#channelsDone++;
    this.#maybeComplete();
  }

  /** The migration thread has finished: with a return path, the destination has reported that it has the guest. */
  sentAll(): void {
    this.#sentAll = true;
    this.#maybeComplete();
  }

  reported(report: Uint8Array | undefined): void {
    this.#reported.resolve(report);
  }

  /**
   * Cancels, unless the destination may have the guest already: then its answer decides.
   * @param cause why, as the caller's signal says.
   */
  cancel(cause?: unknown): void {
    const { status, control } = this.#host;
    if (status.is('completed')) this.#reported.resolve(undefined);
    if (this.isDecided) return;
    if (!control.tryAbort()) {
      this.#host.warn('too late to cancel: the destination has everything, and its word decides');
      return;
    }
    status.to('cancelling');
    this.#host.stopThreads();
    this.#outcome.reject(new MultifdError('cancelled', 'the migration was cancelled', { cause }));
  }

  /** An error of this thread. */
  fail(error: MultifdError): void {
    this.#host.failures.hear(API_THREAD, () => this.failed(error));
  }

  /** An error of a thread that cannot tell whether the destination has the guest. */
  failed(error: MultifdError): void {
    // Without a return path a broken connection decides: the destination may not have read what was in flight.
    const { control, isStopping } = this.#host;
    const { returnPath } = this.#host.parameters;
    const guest = isStopping() ? 'stopped' : 'running';
    if (control.tryAbort() || !returnPath) this.#reason.failed(error, { returnPath, guest });
  }

  /** Of the return path: why the destination fails, or drops a connection; or that no reason can arrive any more. */
  heard(message: ReasonMessage): void {
    if (message.type === 'reason') this.#reason.hear(MultifdError.fromReport(message.reason));
    else this.#reason.mainEnded();
  }

  /** The migration thread has failed: no reason can arrive any more. */
  mainFailed(error: MultifdError): void {
    this.#reason.mainEnded();
    this.#decided(error);
  }

  /** The migration is over: stops waiting for a reason. */
  close(): void {
    this.#host.failures.close();
    this.#reason.close();
  }

  /** Fails the migration, unless the destination has reported that it has the guest. */
  #decided(error: MultifdError): void {
    const { status, control } = this.#host;
    if (!status.isOver && !control.settle()) this.sentAll();
    if (status.is('completed')) this.#noReport(error);
    if (this.isDecided) return;
    status.to('failed');
    this.#host.stopThreads();
    const { announced, parameters } = this.#host;
    this.#outcome.reject(withEarlyHint(error, control, { ...announced, wire: parameters.wire }));
  }

  /** With a return path the destination's answer decides; without one, that every byte has been sent. */
  #maybeComplete(): void {
    const { status, parameters } = this.#host;
    if (!this.#sentAll || !status.is('device')) return;
    if (!parameters.returnPath && this.#channelsDone < parameters.multifdChannels) return;
    this.#host.completed();
    status.to('completed');
    // Too late to cancel the migration, it still ends the wait for the report.
    if (this.#host.isAborted()) this.#reported.resolve(undefined);
    this.#outcome.resolve();
  }

  /** After completion only the report can still fail. */
  #noReport(error: MultifdError): void {
    if (this.#host.requestReport) this.#host.warn(`no report from the destination: ${error.message}`);
    this.#reported.resolve(undefined);
  }
}
