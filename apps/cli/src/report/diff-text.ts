import type { DeviceValue } from '@multifd/qemu';
import type { DevicesDiff, FieldDiff } from '../diff/compare-devices.js';
import type { BlockDiff } from '../diff/compare-ram.js';
import type { GuestDiff } from '../diff/diff-run.js';
import { isIdentical } from './diff-document.js';
import { formatBytes, plain } from './format.js';

/** Ranges of a block, and fields of a device, that are shown. */
const MOST_RANGES = 8;
const MOST_FIELDS = 12;
/** Characters of a value. */
const LONGEST = 24;

/** Two guests for people. `--json` has all that is cut here. */
export function diffText(names: readonly [string, string], diff: GuestDiff): string {
  const { blocks, machineTypes, onlyBefore, onlyNow, devices, pageSize } = diff;
  const [before, now] = machineTypes;
  const changed = blocks.reduce((sum, block) => sum + block.changed, 0);
  const pages = blocks.reduce((sum, block) => sum + block.pages, 0);
  const lines = [
    `before: ${plain(names[0])}`,
    `now:    ${plain(names[1])}`,
    ...(before === now ? [] : [`machine type: ${plain(before)}, now ${plain(now)}`]),
    `RAM: ${changed} of ${pages} pages changed (${formatBytes(changed * pageSize)} of ${formatBytes(pages * pageSize)})`,
    ...blocks.flatMap((block) => blockLines(block, pageSize)),
    ...onlyBefore.map((name) => `  ${plain(name)}: only before`),
    ...onlyNow.map((name) => `  ${plain(name)}: only now`),
    ...deviceLines(devices),
    ...(isIdentical(diff) ? ['nothing differs'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function blockLines(block: BlockDiff, pageSize: number): string[] {
  const { name, lengths, changed, filled, cleared, ranges, more } = block;
  const size =
    lengths[0] === lengths[1]
      ? formatBytes(lengths[0])
      : `${formatBytes(lengths[0])}, now ${formatBytes(lengths[1])}`;
  if (changed === 0) return [`  ${plain(name)} (${size}): none`];
  const hidden = Math.max(0, ranges.length - MOST_RANGES) + more;
  return [
    `  ${plain(name)} (${size}): ${changed} changed, ${filled} of them zero before, ${cleared} zero now`,
    // The longest tell most.
    ...ranges
      .toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]))
      .slice(0, MOST_RANGES)
      .sort((a, b) => a[0] - b[0])
      .map(
        ([start, end]) =>
          `    0x${start.toString(16)} to 0x${(end - 1).toString(16)}, ${(end - start) / pageSize} ${end - start === pageSize ? 'page' : 'pages'}`,
      ),
    ...(hidden === 0 ? [] : [`    and ${hidden} shorter ranges`]),
  ];
}

function deviceLines(devices: DevicesDiff | undefined): string[] {
  if (devices === undefined) return ['devices: not known of both'];
  const { changed, compared, onlyBefore, onlyNow } = devices;
  return [
    `devices: ${changed.length} of ${compared} changed`,
    ...changed.flatMap(({ name, instanceId, fields }) => [
      `  ${plain(name)} ${instanceId}`,
      ...fields.slice(0, MOST_FIELDS).map(fieldLine),
      ...(fields.length > MOST_FIELDS ? [`    and ${fields.length - MOST_FIELDS} more fields`] : []),
    ]),
    ...onlyBefore.map((name) => `  ${plain(name)}: only before`),
    ...onlyNow.map((name) => `  ${plain(name)}: only now`),
  ];
}

function fieldLine({ field, before, now }: FieldDiff): string {
  return `    ${plain(field)}: ${short(before)}, now ${short(now)}`;
}

function short(value: DeviceValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'object' ? (Array.isArray(value) ? 'a list' : 'a struct') : plain(`${value}`);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}...`;
}
