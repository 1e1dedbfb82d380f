import { type GuestPlace, MultifdError } from '../../errors.js';
import type { DestinationControl } from '../../recv/control.js';
import type { StatusMachine } from '../status.js';
import type { DestinationMeter } from './destination-meter.js';
import type { DestinationEnding } from './ending.js';
import type { ToIncomingThread } from './messages.js';
import type { DestinationRole } from './role.js';

/** What a completion needs of its migration. */
export interface CompletionHost<Result> {
  readonly status: StatusMachine;
  readonly control: DestinationControl;
  readonly meter: DestinationMeter;
  readonly role: Pick<DestinationRole<Result>, 'commit' | 'report' | 'reports'>;
  readonly ending: DestinationEnding<Result>;
  /** The thread of the main stream. */
  tellMain(message: ToIncomingThread): void;
  /** @param guest who has the guest, as far as the source is concerned. */
  result(guest: GuestPlace): Result;
}

/**
 * Everything has arrived: makes it durable, tells the source, and reports if asked to.
 * @throws what the role's `commit` throws; then the source was not told.
 */
export async function complete<Result>(
  host: CompletionHost<Result>,
  reportRequested: boolean,
): Promise<void> {
  const { status, control, role, ending } = host;
  if (!status.is('device')) return;
  await role.commit(host.result(control.guest));
  if (!status.is('device')) return;
  const report = reportRequested && role.reports;
  host.tellMain({ type: 'committed', report });
  await ending.told;
  if (!control.isTold) return;
  host.meter.completed();
  status.to('completed');
  if (report) await sendReport(host);
  ending.isHere(host.result((await ending.farewell) ? 'destination' : 'either'));
}

/** The guest is here whether or not the report can be made: on failure the source gets an error in its place. */
async function sendReport<Result>(host: CompletionHost<Result>): Promise<void> {
  let report: Uint8Array | undefined;
  try {
    report = await host.role.report(host.result('destination'));
  } catch (error) {
    const { message } = MultifdError.from(error, 'guest', 'the report callback failed');
    report = new TextEncoder().encode(JSON.stringify({ error: message }));
  }
  if (report !== undefined) host.tellMain({ type: 'report', report });
}
