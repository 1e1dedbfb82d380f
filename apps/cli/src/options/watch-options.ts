import { Option } from '@commander-js/extra-typings';
import { MultifdError, parseAddress } from '@multifd/core';
import { parseOneOf } from './one-of.js';
import { quote } from './sizes.js';

/** Options with which `migrate`, `receive` and `relay` are watched. */

const PROGRESS = ['line', 'json'] as const;

/** How progress is shown: to people, on a terminal only, or to programs. */
export type ProgressFormat = (typeof PROGRESS)[number];

export function progress() {
  return new Option(
    '--progress <format>',
    'how progress is shown on stderr: line (on a terminal only), or json (a JSON document a line, each 250 ms) (default: line)',
  )
    .choices(PROGRESS)
    .argParser((text) => parseOneOf(text, '--progress', PROGRESS));
}

/** Where metrics are told. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
  /** Other machines are meant to reach it. */
  readonly isPublic: boolean;
}

export function metrics() {
  return new Option(
    '--metrics <host:port>',
    "answer GET http://HOST:PORT/metrics in Prometheus' format while the command runs; on an address that other machines reach, HOST:PORT,public",
  ).argParser(parseMetrics);
}

function parseMetrics(text: string): MetricsAddress {
  const [, place = '', word] = /^(.*?)(,public)?$/s.exec(text) ?? [];
  // Without a host, as everywhere here: only this machine.
  const isPlace = /^(\[[^\]]+\]|[^:[\]\s]*):\d{1,5}$/.test(place);
  const address = isPlace ? parseAddress(`tcp:${place}`) : undefined;
  if (address?.kind !== 'tcp')
    throw new MultifdError('usage', `--metrics must be HOST:PORT, got ${quote(text)}`, {
      hint: 'as in 127.0.0.1:9464, or [::1]:9464; port 0 takes a free one',
    });
  return { host: address.host, port: address.port, isPublic: word !== undefined };
}

export function trace() {
  return new Option(
    '--trace <file>',
    "write a JSON document a line for each event of the migration, under the names of QEMU's trace events; replaces the file",
  );
}
