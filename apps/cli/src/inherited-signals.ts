import { constants } from 'node:os';

/** Those that nohup and shells set to be ignored, and those that end a migration. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/**
 * Which signals this process was started with as ignored. Node sets them back to their default before any JavaScript
 * runs; `bin/multifd` has looked before that. A process that we start gets the variable with the environment.
 * @param mask as `SigIgn` of /proc/PID/status: hexadecimal, bit N-1 for signal N. Undefined: nobody has looked.
 */
export function ignoredBy(mask: string | undefined): ReadonlySet<NodeJS.Signals> {
  if (mask === undefined || !/^[0-9a-f]{1,16}$/i.test(mask)) return new Set();
  const bits = BigInt(`0x${mask}`);
  return new Set(SIGNALS.filter((name) => (bits >> BigInt(constants.signals[name] - 1)) & 1n));
}

export const INHERITED = ignoredBy(process.env.MULTIFD_SIGIGN);

/** Ignores them again. To be called before anything that takes time: until then their default ends the process. */
export function ignoreInherited(): void {
  for (const name of INHERITED) process.on(name, () => {});
}
