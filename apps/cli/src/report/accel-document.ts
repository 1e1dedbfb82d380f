import type { AcceleratorChoice, ProbedAccelerator, SettingValues } from '@multifd/core';
import type { BenchReport, Rates } from '../accelerators/bench.js';
import {
  type DeviceMember,
  deviceLines,
  deviceMembers,
  type SettingMember,
  settingLines,
  settingMembers,
} from './accel-details.js';
import { plain } from './format.js';

export const ACCEL_SCHEMA_VERSION = 1;

export interface AccelListDocument {
  readonly 'schema-version': typeof ACCEL_SCHEMA_VERSION;
  readonly command: 'accel list';
  /** What `auto` would take now. */
  readonly auto: string;
  readonly accelerators: readonly AccelListEntry[];
}

export interface AccelListEntry {
  readonly name: string;
  readonly module: string;
  readonly available: boolean;
  /** Whether `auto` looks at it. */
  readonly automatic: boolean;
  /** Whether it is the one that `auto` would take now: another module may have one of the same name. */
  readonly chosen: boolean;
  /** What would run; null if it cannot. */
  readonly detail: string | null;
  /** Why not, and what to do; null if it can run. */
  readonly reason: string | null;
  readonly fix: string | null;
  /** What `auto` measured just now; null if it did not. */
  readonly 'bytes-per-second': number | null;
  /** Version of the contract that it was written for. */
  readonly 'spec-version': number;
  /** What it can be told: `--accel NAME:key=value`. */
  readonly settings: readonly SettingMember[];
  /** What it was told for this list; null: nothing. */
  readonly told: SettingValues | null;
  /** Null: it does not say. */
  readonly devices: readonly DeviceMember[] | null;
}

export function accelListDocument(
  ours: readonly ProbedAccelerator[],
  theirs: readonly ProbedAccelerator[],
  choice: AcceleratorChoice,
): AccelListDocument {
  return {
    'schema-version': ACCEL_SCHEMA_VERSION,
    command: 'accel list',
    auto: choice.accelerator.name,
    accelerators: [
      ...ours.map((each) => listEntry(each, choice)),
      ...theirs.map((each) => listEntry(each, undefined)),
    ],
  };
}

/** @param choice of `auto`; undefined for one that `auto` does not know, whatever its name. */
function listEntry(
  { reference: { module, name, settings: told }, probe, automatic, ...rest }: ProbedAccelerator,
  choice: AcceleratorChoice | undefined,
): AccelListEntry {
  const measured = choice?.measured?.find((each) => each.name === name);
  return {
    module,
    name,
    available: probe.ok,
    automatic,
    chosen: choice?.accelerator.name === name,
    detail: probe.ok ? probe.detail : null,
    reason: probe.ok ? null : probe.reason,
    fix: probe.ok ? null : probe.fix,
    'bytes-per-second': measured?.bytesPerSecond ?? null,
    'spec-version': rest.specVersion,
    settings: settingMembers(rest.settings),
    told: told ?? null,
    devices: rest.devices === undefined ? null : deviceMembers(rest.devices),
  };
}

export function listTable({ accelerators }: AccelListDocument): string {
  const width = Math.max(...accelerators.map(({ name }) => name.length)) + 2;
  const lines = accelerators.flatMap(({ name, available, chosen, detail, reason, fix, ...rest }, index) => {
    const before = accelerators[index - 1];
    const indent = ' '.repeat(width + 5);
    const details = [...settingLines(rest.settings), ...deviceLines(rest.devices ?? [])];
    const below = details.map((line) => `${indent}${line}`);
    if (reason !== null && reason === before?.reason && fix === before.fix) {
      return [`${plain(name).padEnd(width)}no   for the same reason`, ...below];
    }
    const rate = rest['bytes-per-second'];
    const measured = rate === null ? '' : ` (${gigabytes(rate)} GB/s in a short look)`;
    const mark = chosen ? '  <- auto' : '';
    const first = `${plain(name).padEnd(width)}${available ? 'yes' : 'no '}  ${plain(detail ?? reason ?? '')}${measured}${mark}`;
    return [first, ...(fix === null ? [] : [`${indent}${plain(fix)}`]), ...below];
  });
  return `${lines.join('\n')}\n`;
}

export interface AccelBenchDocument {
  readonly 'schema-version': typeof ACCEL_SCHEMA_VERSION;
  readonly command: 'accel bench';
  readonly environment: BenchReport['environment'];
  readonly ceiling: string;
  /** Rates in bytes of guest memory a second, of one thread. */
  readonly results: readonly {
    readonly memory: string;
    readonly place: string;
    readonly bytes: number;
    readonly 'plain-read': Rates;
    readonly accelerators: BenchReport['results'][number]['accelerators'];
  }[];
}

export function accelBenchDocument({ environment, ceiling, results }: BenchReport): AccelBenchDocument {
  return {
    'schema-version': ACCEL_SCHEMA_VERSION,
    command: 'accel bench',
    environment,
    ceiling,
    results: results.map(({ plainRead, ...rest }) => ({ ...rest, 'plain-read': plainRead })),
  };
}

/** One line for each accelerator, one column for each memory; plain reading first. */
export function benchTable({ environment, ceiling, results }: AccelBenchDocument): string {
  const titles = results.map(({ memory, place }) => `${memory}, ${place}`);
  const names = results[0]?.accelerators.map(({ name }) => name) ?? [];
  const rows = [
    ['GB/s of one thread', ...titles],
    ['plain read', ...results.map((each) => range(each['plain-read']))],
    ...names.map((name) => [
      plain(name),
      ...results.map(({ accelerators }) => range(accelerators.find((each) => each.name === name)?.rates)),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const text = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  const { cpu, cores, node, arch, date } = environment;
  return [
    `${cpu}, ${cores} cores, Node ${node} ${arch}, ${date}; median (lowest-highest)`,
    `plain read: ${ceiling}`,
    ...text,
    '',
  ].join('\n');
}

function range(rates: Rates | undefined): string {
  if (rates === undefined) return '-';
  return `${gigabytes(rates.median)} (${gigabytes(rates.lowest)}-${gigabytes(rates.highest)})`;
}

function gigabytes(bytesPerSecond: number): string {
  return (bytesPerSecond / 1e9).toFixed(1);
}
