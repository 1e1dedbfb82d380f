import { MultifdError } from '../../errors.js';
import { DestinationControl } from '../../recv/control.js';
import type { MainHost } from '../../recv/main-host.js';
import type { PageSink } from '../../recv/page-sink.js';
import { SourceControl } from '../../send/control.js';
import { type CounterRow, Counters } from '../../thread/counters.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { type IncomingPort, settled, type ThreadRole } from '../destination/thread-role.js';
import type { ReasonMessage } from '../reason-message.js';
import type { RelayThreadData } from './messages.js';
import { RelayMain } from './relay-main.js';
import type { RelayMainHost } from './relay-main-host.js';
import { Transit } from './transit.js';
import { TransitSink } from './transit-sink.js';

/** ms that a relay waits for the report of its destination, which may have all of RAM to read for it. */
const REPORT_TIMEOUT = 30 * 60_000;

/** The role of an incoming thread of `relay`: pages go into transit, main is repeated to the next destination. */
export class SendingOn implements ThreadRole {
  readonly #data: RelayThreadData;
  readonly #port: IncomingPort;
  #main: RelayMain | undefined;

  constructor(data: RelayThreadData, port: IncomingPort) {
    this.#data = data;
    this.#port = port;
  }

  async sink(counters: CounterRow): Promise<PageSink> {
    const { blocks } = await this.#port.next('transit');
    return new TransitSink(new Transit(this.#data.relay.transit), blocks, counters);
  }

  main(): MainHost {
    const { machineType, uuid, parameters, pageSize, relay, control, counters } = this.#data;
    const host = {
      machineType,
      uuid,
      stallTimeout: parameters.stallTimeout,
      warn: (message: string) => this.#port.post({ type: 'warning', message }),
      pageSize,
      signal: this.#port.signal,
      configured: (name: string) => this.#port.post({ type: 'configuration', machineType: name }),
      connectChannels: async (...[blocks, to]: Parameters<RelayMainHost['connectChannels']>) => {
        // Nothing here is to leave room for what came ahead of them: it is sent on.
        this.#port.post({ type: 'blocks', blocks, ahead: 0, to });
        await this.#port.next('transit');
      },
      settled: () => settled(this.#port),
      failed: (error: MultifdError) => this.#port.fail(error),
      secured: (peer: TlsPeer) => this.#port.post({ type: 'secured', peer }),
      heard: (message: ReasonMessage) => this.#port.post(message),
    };
    this.#main = new RelayMain(host, relay, new DestinationControl(control), new Counters(counters).row(0));
    return this.#main;
  }

  /** Slots are this process's own memory. */
  intact(): void {}

  async report(): Promise<Uint8Array> {
    if (this.#main === undefined) throw new MultifdError('internal', 'only main can be asked for a report');
    return this.#main.report(REPORT_TIMEOUT);
  }

  async sourceHasEnded(letGo: boolean): Promise<void> {
    await this.#main?.sourceHasEnded(letGo);
  }

  tryAbort(): boolean {
    return new SourceControl(this.#data.relay.control).tryAbort();
  }

  close(): void {
    this.#main?.close();
  }
}
