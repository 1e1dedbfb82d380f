import type { MultifdError } from '../../errors.js';
import { methodHangs, methodName, methodTookDown } from '../../methods/diagnosis.js';
import type { MigrationParameters } from '../../parameters.js';
import { ACTIVITY_CODING, type CounterRow, type Counters } from '../../thread/counters.js';
import type { ThreadNotes } from './thread-notes.js';

/** A channel's method does not come back. @param row of the thread in the counters. */
export function hangs(parameters: MigrationParameters, row: number, { method }: CounterRow): MultifdError {
  return methodHangs(`channel ${row - 1}`, methodName(parameters, method), parameters);
}

/** A thread ended without saying why: who was at work in it then, is told. */
export function died(
  parameters: MigrationParameters,
  error: MultifdError,
  { ready, channel }: ThreadNotes,
  counters: Counters,
): MultifdError {
  if (error.code !== 'internal') return error;
  // What a thread does before it is ready is to load its method; `none` needs none.
  if (!ready) {
    const { multifdCompression } = parameters;
    return multifdCompression === 'none' ? error : methodTookDown(multifdCompression, error, true);
  }
  if (channel === undefined) return error;
  const { activity, method } = counters.row(channel + 1);
  if (activity !== ACTIVITY_CODING) return error;
  return methodTookDown(methodName(parameters, method), error, false);
}
