import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { version } from '../version.js';
import { GIB } from './figures.js';

/** Where and on what samples were taken. */
export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly arch: string;
  /** Of this command. */
  readonly multifd: string;
  /** ISO 8601. */
  readonly date: string;
  /** Load average of a minute before the run. */
  readonly loadBefore: number;
}

export function environment(): Environment {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / GIB),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    arch: arch(),
    multifd: version(),
    date: new Date().toISOString(),
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Whether samples of both may stand in one table. */
export function isSameMachine(one: Environment, other: Environment): boolean {
  const members = ['cpu', 'cores', 'memoryGiB', 'arch'] as const;
  return members.every((member) => one[member] === other[member]);
}
