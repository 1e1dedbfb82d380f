import type { MultifdError } from '../../errors.js';
import { methodHangs, methodName, methodTookDown } from '../../methods/diagnosis.js';
import type { MigrationParameters } from '../../parameters.js';
import { ACTIVITY_CODING, type CounterRow, type Counters } from '../../thread/counters.js';
import type { ThreadNotes } from './thread-notes.js';

/** The error for a channel's method that hangs. @param row the thread's row in the counters. */
export function hangs(parameters: MigrationParameters, row: number, { method }: CounterRow): MultifdError {
  return methodHangs(`channel ${row - 1}`, methodName(parameters, method), parameters);
}

/**
 * The error for a thread that ended without a reason: names the plug-in code that ran in it.
 * @param jobs notes of its jobs.
 */
export function died(
  parameters: MigrationParameters,
  error: MultifdError,
  jobs: readonly ThreadNotes[],
  counters: Counters,
): MultifdError {
  if (error.code !== 'internal') return error;
  // Before it is ready, a thread loads its method; `none` needs no loading.
  if (jobs.some(({ ready }) => !ready)) {
    const { multifdCompression } = parameters;
    return multifdCompression === 'none' ? error : methodTookDown(multifdCompression, error, true);
  }
  const row = counters.ranLast(jobs.flatMap(({ channel }) => (channel === undefined ? [] : [channel + 1])));
  if (row === undefined) return error;
  const { activity, method } = counters.row(row);
  if (activity !== ACTIVITY_CODING) return error;
  return methodTookDown(methodName(parameters, method), error, false);
}
