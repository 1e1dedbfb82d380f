import { compressionText } from './compression-member.js';
import { formatBytes, plain } from './format.js';
import { offloadLines } from './offload-member.js';
import type { RelayDocument, RelaySide } from './relay-document.js';
import { statusLine } from './status-line.js';
import { tlsLine } from './tls-member.js';

/** A guest that went through, in the style of the other summaries. */
export function relaySummary(document: RelayDocument): string {
  const { incoming, outgoing, accelerator } = document;
  const lines = [
    statusLine(document),
    `total time: ${document['total-time']} ms`,
    `machine type: ${plain(document['machine-type'] ?? 'none')}`,
    ...(incoming === undefined ? [] : [side('incoming', incoming)]),
    ...(outgoing === undefined ? [] : [side('outgoing', outgoing)]),
    tlsLine('incoming tls', incoming?.tls),
    tlsLine('outgoing tls', outgoing?.tls),
    `zero-page-detection: ${document['zero-page-detection']}`,
    accelerator === undefined ? '' : `accelerator: ${accelerator.name}: ${plain(accelerator.detail)}`,
    ...offloadLines(accelerator?.offload),
    `cpu time: ${document['cpu-time']} ms`,
    `peak memory: ${formatBytes(document['peak-rss'] ?? 0)}`,
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

function side(name: string, relayed: RelaySide): string {
  const { channels, compression, transferred, normal, 'zero-pages': zero } = relayed;
  const method = compression === undefined ? '' : ` (compression ${compressionText(compression)})`;
  return `${name}: ${Math.round(transferred / 1024)} KiB over ${channels} channels${method}, ${normal} normal and ${zero} zero pages`;
}
