/** What a detector has done so far, from 0 on; none ever falls. Pages and retries are whole numbers. */
export interface DetectorCounters {
  /** Pages that the device answered. */
  readonly device: number;
  /** Pages that the CPU finished or checked, since the device could not read them. */
  readonly cpuAfterFault: number;
  /** Times that a full queue made it try again. */
  readonly queueFullRetries: number;
  /** ms, with fractions, that batches were with the device, added up: more than the time that passed, if several were at a time. */
  readonly deviceTime: number;
}

/** The sum of those that are there; undefined if none is. */
export function sumOfCounters(all: readonly (DetectorCounters | undefined)[]): DetectorCounters | undefined {
  return all.reduce((sum, each) => {
    if (sum === undefined || each === undefined) return sum ?? each;
    return {
      device: sum.device + each.device,
      cpuAfterFault: sum.cpuAfterFault + each.cpuAfterFault,
      queueFullRetries: sum.queueFullRetries + each.queueFullRetries,
      deviceTime: sum.deviceTime + each.deviceTime,
    };
  }, undefined);
}
