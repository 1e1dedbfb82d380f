import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { startCommand } from './command.js';
import { limitOf, type Row, touchedBy } from './rows.js';
import type { Contender, Ends, Measured } from './sample.js';
import { isSampleTls } from './samples-shape.js';
import { ourTlsArguments } from './tls.js';
import { warmUntilConnected } from './warm-until-connected.js';

/** What our ends are told beside the row. */
export interface OurSettings {
  readonly accel: string;
  readonly host: string;
  readonly wire: string;
  /** Of this run: where credentials are, for rows with TLS. */
  readonly folder: string;
}

/** A multifd to a multifd: two processes of this command, as users start them. */
export function multifdToMultifd(settings: OurSettings): Contender {
  const name = ['multifd', ...unusual(settings)].join(' ');
  return {
    name,
    kind: 'multifd',
    leftOut: () => undefined,
    measure: (...args) => measure(settings, ...args),
  };
}

function unusual({ host, wire }: OurSettings): string[] {
  return [...(wire === 'multifd' ? [] : [`--wire ${wire}`]), ...(host === 'auto' ? [] : [`--host ${host}`])];
}

async function measure(
  settings: OurSettings,
  row: Row,
  image: string | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  const common = commonArguments(settings, row);
  const limit = limitOf(row);
  const receiving = startCommand(receivingArguments(common), limit, signal);
  try {
    const address = await receiving.listening;
    const source = image === undefined ? `demo:${row.size},zero=1` : `raw:${image}`;
    const start = () =>
      startCommand(
        ['migrate', source, address, ...common, ...sendingArguments(settings, row)],
        limit,
        signal,
      );
    const { pid } = receiving.child;
    if (pid === undefined) throw new MultifdError('io', 'multifd receive did not start');
    const sending = await warmUntilConnected(touchedBy(row), pid, start, signal);
    const [sent, received] = await Promise.all([sending.document, receiving.document]);
    return toSample(sent, received);
  } finally {
    receiving.child.kill('SIGKILL');
  }
}

/** What our destination is told. @param common what both ends are. */
export function receivingArguments(common: readonly string[]): string[] {
  return ['receive', 'tcp:127.0.0.1:0', 'memory', ...common, '--max-ram', `${2 ** 47}`, '--bench-child'];
}

/** What both of our ends are told. */
export function commonArguments(
  { host, folder }: OurSettings,
  { channels, compression, tls }: Row,
): string[] {
  return [
    ...['--json', '--no-verify', '--host', host],
    ...['--multifd-channels', `${channels}`, '--multifd-compression', compression],
    ...(tls === true ? ourTlsArguments(folder) : []),
  ];
}

/** What our source is told beside that. */
export function sendingArguments(
  { accel, wire }: OurSettings,
  { detection, compression, level }: Row,
): string[] {
  return [
    ...['--zero-page-detection', detection, '--accel', accel, '--wire', wire],
    ...(level === null ? [] : [`--multifd-${compression}-level`, `${level}`]),
  ];
}

type JsonDocument = Readonly<Record<string, unknown>>;

/** @param sent of the source. @param received of the destination. */
export function toSample(sent: JsonDocument, received: JsonDocument): Measured {
  const ram = isRecord(sent.ram) ? sent.ram : {};
  const ends = (name: string): Ends => ({
    source: endOf(sent, name, 'source'),
    destination: endOf(received, name, 'destination'),
  });
  const ms = numberOf(sent['total-time']);
  if (ms === null) throw new MultifdError('internal', 'multifd migrate told no total-time');
  return {
    ms,
    setup: numberOf(sent['setup-time']),
    downtime: numberOf(sent.downtime),
    transferred: numberOf(ram.transferred),
    cpu: ends('cpu-time'),
    peakRss: ends('peak-rss'),
    faults: ends('page-faults'),
    ...tlsOf(sent, received),
  };
}

/**
 * As one of our documents tells it.
 * @param other the destination's, if both ends are ours: another package may decrypt than encrypts.
 */
export function tlsOf({ tls }: JsonDocument, other?: JsonDocument): Pick<Measured, 'tls'> {
  if (!isSampleTls(tls)) return {};
  const { version, cipher, channels } = tls;
  if (channels === undefined) return { tls: { version, cipher } };
  const there = isSampleTls(other?.tls) ? other.tls.channels : undefined;
  const both = there === undefined || there === channels ? channels : `${channels} to ${there}`;
  return { tls: { version, cipher, channels: both } };
}

/** A member that is told of each end. */
export function endOf(document: JsonDocument, name: string, which: 'source' | 'destination'): number | null {
  const member = document[name];
  return isRecord(member) ? numberOf(member[which]) : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
