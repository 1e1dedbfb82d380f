import { createServer, type Server, type ServerResponse } from 'node:http';
import { formatAddress, listenAt, MultifdError } from '@multifd/core';
import { Counter, Gauge, Registry } from 'prom-client';
import { isLocal } from '../options/places.js';
import type { MetricsAddress } from '../options/watch-options.js';
import type { Known } from './known.js';
import { metrics } from './metrics.js';
import type { Watcher } from './watcher.js';

/** Scrapers at a time. */
const MOST_CONNECTIONS = 16;

/** ms that a scraper gets to ask: whoever only connects must not keep the others away for longer. */
const ASKED_WITHIN = 5000;

/** ms that a scraper gets at the end of the command. */
const LAST_SCRAPE = 100;

/** `--metrics`: answers GET /metrics in Prometheus' format, while the command runs. */
export class MetricsServer implements Watcher {
  readonly #server: Server;
  /** Where, with the port that was chosen. */
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws MultifdError `usage` or `io` if it cannot listen there. */
  static async listen({ host, port, isPublic }: MetricsAddress, known: Known): Promise<MetricsServer> {
    const place = { kind: 'tcp', host, port } as const;
    if (!isPublic && !isLocal(formatAddress(place)))
      throw new MultifdError('usage', `--metrics: ${host} is no loopback address`, {
        hint: 'whoever reaches it can read the figures: append ",public" to the address if that is meant',
      });
    const limits = {
      headersTimeout: ASKED_WITHIN,
      requestTimeout: ASKED_WITHIN,
      connectionsCheckingInterval: ASKED_WITHIN / 5,
    };
    const server = createServer(limits, (request, response) => {
      response.setHeader('Connection', 'close');
      if (request.url?.split('?')[0] !== '/metrics') refuse(response, 404, 'see /metrics');
      // Node leaves the body out of the answer to HEAD.
      else if (!['GET', 'HEAD'].includes(request.method ?? ''))
        refuse(response.setHeader('Allow', 'GET, HEAD'), 405, 'only GET and HEAD');
      else void answer(response, known);
    });
    server.maxConnections = MOST_CONNECTIONS;
    const chosen = await listenAt(server, place);
    server.unref();
    return new MetricsServer(server, `http://${formatAddress({ ...place, port: chosen }).slice(4)}/metrics`);
  }

  async end(): Promise<void> {
    const late = setTimeout(() => this.#server.closeAllConnections(), LAST_SCRAPE);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(late);
  }
}

function refuse(response: ServerResponse, code: number, words: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain' }).end(`${words}\n`);
}

async function answer(response: ServerResponse, known: Known): Promise<void> {
  // A new one each time: what is not known yet must not be there as 0.
  const registry = new Registry();
  for (const { name, help, kind, samples } of metrics(known)) {
    const labelNames = [...new Set(samples.flatMap(({ labels = {} }) => Object.keys(labels)))];
    const settings = { name, help, labelNames, registers: [registry] };
    const metric = kind === 'counter' ? new Counter(settings) : new Gauge(settings);
    for (const { labels = {}, value } of samples) if (value !== undefined) metric.inc(labels, value);
  }
  response.setHeader('Content-Type', registry.contentType).end(await registry.metrics());
}
