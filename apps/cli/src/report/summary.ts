import type { GuestReport } from '../guest/prepared-guest.js';
import { type CompressionMember, compressionText } from './compression-member.js';
import { formatBytes, plain } from './format.js';
import type {
  AcceleratorMember,
  BothEnds,
  HostMember,
  MigrateDocument,
  RamMember,
} from './migrate-document.js';
import { offloadLines } from './offload-member.js';
import type { MemoryMember, ReceiveDocument } from './receive-document.js';
import { statusLine } from './status-line.js';
import { tlsLine } from './tls-member.js';

/**
 * A finished migration in the style of QEMU's `info migrate`.
 * @param verbose also what `auto` has not taken, and why.
 */
export function migrateSummary(document: MigrateDocument, verbose = false): string {
  const { ram, accelerator, host, verify, verification, guest } = document;
  return lines([
    `Migration status: ${document.status}`,
    time('total time', document['total-time']),
    downtimeLine(document),
    time('setup', document['setup-time']),
    ...(ram === undefined ? [] : ramLines(ram)),
    `channels: ${document.channels} (zero-page-detection ${document['zero-page-detection']}, compression ${compressed(document.compression, ram)})`,
    tlsLine('tls', document.tls),
    ...(accelerator === undefined ? [] : acceleratorLines(accelerator, verbose)),
    ...(host === undefined ? [] : [hostLine(host, verbose)]),
    both('cpu time', document['cpu-time'], (value) => `${value} ms`),
    both('peak memory', document['peak-rss'], formatBytes),
    both('allocated guest memory', document.allocated, formatBytes),
    both('in huge pages', document['huge-pages'], formatBytes),
    guest === undefined ? '' : guestLine(guest),
    verification === null
      ? verify
        ? 'NOT VERIFIED: memory was not compared'
        : 'verified: not asked for'
      : `${document.verified ? 'verified' : 'NOT VERIFIED'}: ${verification.blocks} ${verification.blocks === 1 ? 'block' : 'blocks'}, ${verification.bytes} bytes, ${verification.algorithm}`,
  ]);
}

/** The same for the destination. */
export function receiveSummary(document: ReceiveDocument): string {
  const { ram, blocks = [], devices = [], images = [], guest, memory } = document;
  return lines([
    statusLine(document),
    time('total time', document['total-time']),
    ...(ram === undefined
      ? []
      : [
          `received: ${kibibytes(ram.received)}`,
          `total ram: ${kibibytes(ram.total)}`,
          `duplicate: ${ram.duplicate} pages (zero; ${ram['untouched-pages']} of them never touched)`,
          `normal: ${ram.normal} pages`,
          `normal bytes: ${kibibytes(ram['normal-bytes'])}`,
          `page size: ${kibibytes(ram['page-size'])}`,
          `multifd bytes: ${kibibytes(ram['multifd-bytes'])}`,
        ]),
    `channels: ${document.channels} (compression ${compressed(document.compression, ram)})`,
    tlsLine('tls', document.tls),
    ...blocks.map(({ name, length }) => `block: ${plain(name)}, ${formatBytes(length)}`),
    devices === null
      ? 'devices: not described'
      : devices.length === 0
        ? ''
        : `devices: ${devices.map(plain).join(', ')}`,
    one('cpu time', document['cpu-time'].destination, (value) => `${value} ms`),
    one('peak memory', document['peak-rss'].destination, formatBytes),
    ...(memory === undefined ? [] : [memoryLine(memory)]),
    ...images.map((image) => `image: ${plain(image)}`),
    guest === undefined ? '' : guestLine(guest),
  ]);
}

/** The method, and bytes of normal pages to bytes on the channels. */
function compressed(
  compression: CompressionMember | undefined,
  ram: Pick<RamMember, 'normal-bytes' | 'multifd-bytes'> | undefined,
): string {
  if (compression === undefined || compression.name === 'none') return 'none';
  const { chosen } = compression;
  // Headers alone would make it 0.99 to 1.
  if (chosen === null || chosen?.name === 'none') return compressionText(compression);
  const bytes = ram?.['multifd-bytes'] ?? 0;
  const ratio = bytes === 0 ? '' : `, ${((ram?.['normal-bytes'] ?? 0) / bytes).toFixed(2)} to 1`;
  return `${compressionText(compression)}${ratio}`;
}

function ramLines(ram: RamMember): string[] {
  return [
    `transferred ram: ${kibibytes(ram.transferred)}`,
    `throughput: ${ram.mbps.toFixed(2)} mbps`,
    `remaining ram: ${kibibytes(ram.remaining)}`,
    `total ram: ${kibibytes(ram.total)}`,
    `duplicate: ${ram.duplicate} pages (zero)`,
    `normal: ${ram.normal} pages`,
    `normal bytes: ${kibibytes(ram['normal-bytes'])}`,
    `dirty sync count: ${ram['dirty-sync-count']}`,
    `page size: ${kibibytes(ram['page-size'])}`,
    `multifd bytes: ${kibibytes(ram['multifd-bytes'])}`,
    `pages-per-second: ${ram['pages-per-second']}`,
  ];
}

function acceleratorLines(member: AcceleratorMember, verbose: boolean): string[] {
  const { name, requested, detail, refused, measured = [], replaced = [] } = member;
  const asked = requested === 'auto' ? 'chosen by auto' : `asked for as ${plain(requested)}`;
  return [
    name === null ? `accelerator: none (${detail})` : `accelerator: ${name} (${asked}): ${plain(detail)}`,
    ...offloadLines(member.offload),
    ...replaced.map((each) => `  ${each.name} failed: ${plain(each.reason)}; ${each.by} went on`),
    ...(measured.length === 0
      ? []
      : [`  measured: ${measured.map(rateText).join(', ')}${tie(name, measured)}`]),
    // What nobody asked for need not be here.
    ...(requested === 'auto' && !verbose ? [] : refused).map(
      (each) => `  refused ${each.name}: ${plain(each.reason)} (${plain(each.fix)})`,
    ),
  ];
}

/** Why `auto` did not choose the first of what it measured. */
function tie(name: string | null, [first]: NonNullable<AcceleratorMember['measured']>): string {
  return first === undefined || first.name === name
    ? ''
    : ' (within 10 % of each other: noise does not decide)';
}

/** @param platform where it runs: on Linux the package is meant to work, so it is said once why it does not. */
export function hostLine(
  { name, backing, refused, requested }: HostMember,
  verbose: boolean,
  platform: string = process.platform,
): string {
  const memory = backing === undefined ? '' : `, guest memory: ${backing}`;
  const isTold = refused !== undefined && (verbose || requested !== 'auto' || platform === 'linux');
  const why = !isTold ? '' : ` (${plain(refused.reason)}; ${plain(refused.fix)})`;
  return `host: ${name ?? 'Node alone'}${memory}${why}`;
}

function memoryLine({ backing, allocated, 'huge-pages': huge }: MemoryMember): string {
  const bytes = allocated === null ? '' : `, ${formatBytes(allocated)} allocated`;
  return `guest memory: ${backing}${bytes}${huge === null ? '' : `, ${formatBytes(huge)} in huge pages`}`;
}

function rateText({ name, 'bytes-per-second': rate }: { name: string; 'bytes-per-second': number }): string {
  return `${name} ${(rate / 1e9).toFixed(1)} GB/s`;
}

function guestLine({ state, from, to, tracker }: GuestReport): string {
  const seen = tracker === undefined ? '' : `, writes seen by ${tracker.name}`;
  if (state === 'ran on') return `guest: ran on at the destination, from write ${from} to ${to}`;
  if (state === 'stopped') return `guest: has left, after ${to} writes${seen}`;
  return `guest: ${state === 'runs' ? 'runs on here' : 'at rest'}`;
}

function time(what: string, ms: number | null | undefined): string {
  return ms === undefined || ms === null ? '' : `${what}: ${ms} ms`;
}

function downtimeLine({ downtime, 'downtime-parts': parts }: MigrateDocument): string {
  const line = time('downtime', downtime);
  if (line === '' || parts === undefined || parts === null) return line;
  const { stop, commit, 'last-round': round, 'device-state': state } = parts;
  return `${line} (stop ${stop}, last round ${round}, device state ${state}, destination ${commit})`;
}

function both(what: string, { source, destination }: BothEnds, format: (value: number) => string): string {
  const side = (name: string, value: number | null) => (value === null ? [] : [`${name} ${format(value)}`]);
  const sides = [...side('source', source), ...side('destination', destination)];
  return sides.length === 0 ? '' : `${what}: ${sides.join(', ')}`;
}

function one(what: string, value: number | null, format: (value: number) => string): string {
  return value === null ? '' : `${what}: ${format(value)}`;
}

function kibibytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

function lines(all: readonly string[]): string {
  return `${all.filter((line) => line !== '').join('\n')}\n`;
}
