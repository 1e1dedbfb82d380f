import { isRecord } from '../guards.js';
import type { Environment } from './environment.js';
import type { Row } from './rows.js';
import type { Ends, Sample, SampleTls, Series } from './sample.js';
import { SCENARIOS } from './scenarios.js';

/** Whether what a file of samples holds is what it must be. */

export function isEnvironment(value: unknown): value is Environment {
  return (
    isRecord(value) &&
    ['cpu', 'system', 'node', 'arch', 'multifd', 'date'].every((name) => typeof value[name] === 'string') &&
    ['cores', 'memoryGiB', 'loadBefore'].every((name) => isFigure(value[name]))
  );
}

export function isSeries(value: unknown): value is Series {
  return (
    isRecord(value) &&
    isRow(value.row) &&
    ['contender', 'date', 'multifd'].every((name) => typeof value[name] === 'string') &&
    isOneOf(value.kind, ['multifd', 'peer', 'ceiling']) &&
    Array.isArray(value.samples) &&
    value.samples.every(isSample) &&
    (value.failed === undefined || typeof value.failed === 'string')
  );
}

function isRow(value: unknown): value is Row {
  return (
    isRecord(value) &&
    isOneOf(value.scenario, SCENARIOS) &&
    isFigure(value.size) &&
    isFigure(value.channels) &&
    isOneOf(value.detection, ['none', 'legacy', 'multifd']) &&
    typeof value.compression === 'string' &&
    isFigureOrNull(value.level) &&
    (value.tls === undefined || value.tls === true)
  );
}

function isSample(value: unknown): value is Sample {
  return (
    isRecord(value) &&
    isFigure(value.ms) &&
    isFigure(value.others) &&
    ['setup', 'downtime', 'transferred'].every((name) => isFigureOrNull(value[name])) &&
    ['cpu', 'peakRss', 'faults'].every((name) => isEnds(value[name])) &&
    (value.tls === undefined || isSampleTls(value.tls))
  );
}

function isEnds(value: unknown): value is Ends {
  return isRecord(value) && isFigureOrNull(value.source) && isFigureOrNull(value.destination);
}

export function isSampleTls(value: unknown): value is SampleTls {
  if (!isRecord(value) || (value.channels !== undefined && typeof value.channels !== 'string')) return false;
  return ['version', 'cipher'].every((name) => typeof value[name] === 'string');
}

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isFigureOrNull(value: unknown): value is number | null {
  return value === null || isFigure(value);
}

function isOneOf(value: unknown, choices: readonly string[]): boolean {
  return typeof value === 'string' && choices.includes(value);
}
