import type { Inspection } from '@multifd/qemu';
import { deviceTree } from './device-tree.js';
import { formatBytes, plain } from './format.js';

/** A migration file for people. `--json` has all that is cut here. */
export function inspectText(file: string, inspection: Inspection): string {
  const { format, version, machineType, capabilities, uuid, pageSize, blocks, sections } = inspection;
  const lines = [
    `file: ${plain(file)}`,
    ...containerLines(inspection),
    `format: ${format === 'stream' ? 'single stream' : format}, version ${version}`,
    `machine type: ${plain(machineType)}`,
    `capabilities: ${capabilities.length === 0 ? 'none' : capabilities.map(plain).join(', ')}`,
    ...(uuid === undefined ? [] : [`uuid: ${uuid}`]),
    `page size: ${formatBytes(pageSize)}`,
    ...(blocks.length === 0 ? [] : ['RAM blocks, in pages:', ...blockTable(blocks)]),
    'sections:',
    ...sectionLines(sections),
    ...deviceLines(inspection),
    ...(inspection.bytesBehind === 0
      ? []
      : [`behind the stream: ${formatBytes(inspection.bytesBehind)}, which QEMU does not need`]),
  ];
  return `${lines.join('\n')}\n`;
}

function containerLines({ container, streamOffset }: Inspection): string[] {
  const { libvirt, compression } = container ?? {};
  const words = [
    ...(libvirt === undefined
      ? []
      : [
          `a save image of libvirt, format ${libvirt.format}, its guest ${libvirt.wasRunning ? 'ran' : 'was paused'}`,
        ]),
    ...(compression === undefined ? [] : [`packed with ${compression}`]),
    ...(streamOffset === 0 ? [] : [`the stream begins at byte ${streamOffset}`]),
  ];
  return words.length === 0 ? [] : [`container: ${words.join('; ')}`];
}

/** A row of devices is one line: they are listed with their state. */
function sectionLines(sections: Inspection['sections']): string[] {
  return sections.flatMap(({ kind, name, count, offset, size }, index) => {
    if (kind === 'full' && sections[index - 1]?.kind === 'full') return [];
    const end = sections.findIndex((each, at) => at > index && each.kind !== 'full');
    const row = kind === 'full' ? sections.slice(index, end < 0 ? undefined : end) : [];
    const total = row.reduce((sum, each) => sum + each.size, 0);
    const devices = row.reduce((sum, each) => sum + each.count, 0);
    if (devices > 1) return [`  full, ${devices} devices, at byte ${offset}, ${formatBytes(total)}`];
    const times = count === 1 ? '' : ` x ${count}`;
    return [`  ${kind} ${plain(name)}${times}, at byte ${offset}, ${formatBytes(size)}`];
  });
}

function blockTable(blocks: Inspection['blocks']): string[] {
  const rows = [
    ['name', 'size', 'normal', 'zero', 'absent'],
    ...blocks.map(({ name, length, normalPages, zeroPages, absentPages }) => [
      plain(name),
      formatBytes(length),
      ...[normalPages, zeroPages, absentPages].map(String),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join('  ')}`;
  });
}

function deviceLines({ devices, deviceStateSize, unreadableDescription }: Inspection): string[] {
  const size = formatBytes(deviceStateSize);
  if (unreadableDescription) return [`device state: ${size} with a description that is not JSON`];
  if (devices === undefined) return [`device state: ${size}, which the file does not describe`];
  return [
    `device state: ${size} with its description, ${devices.length} ${devices.length === 1 ? 'device' : 'devices'}`,
    ...devices.flatMap(({ name, instanceId, versionId, size: bytes, state }) => [
      `  ${plain(name)} ${instanceId} (version ${versionId}, ${bytes} bytes)`,
      ...deviceTree(state, '    '),
    ]),
  ];
}
