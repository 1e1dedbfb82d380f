import { DestinationControl } from '../../recv/control.js';
import type { MainHost } from '../../recv/main-host.js';
import type { PageSink } from '../../recv/page-sink.js';
import { PagePlacer } from '../../recv/placer.js';
import { type CounterRow, Counters } from '../../thread/counters.js';
import type { IncomingThreadData } from './messages.js';
import { type IncomingPort, settled, type ThreadRole } from './thread-role.js';

/** The role of a thread of `receive`: places pages in guest RAM, and keeps everything else until the end. */
export class Keeping implements ThreadRole {
  readonly #data: IncomingThreadData;
  readonly #port: IncomingPort;
  #pages: PagePlacer | undefined;

  constructor(data: IncomingThreadData, port: IncomingPort) {
    this.#data = data;
    this.#port = port;
  }

  async sink(counters: CounterRow): Promise<PageSink> {
    this.#pages = await PagePlacer.open((await this.#port.next('ram')).placement, counters);
    return this.#pages;
  }

  main(): MainHost {
    const { machineType, uuid, parameters } = this.#data;
    const control = new DestinationControl(this.#data.control);
    return {
      machineType,
      uuid,
      stallTimeout: parameters.stallTimeout,
      takesZeroRuns: true,
      warn: (message) => this.#port.post({ type: 'warning', message }),
      configured: (name) => this.#port.post({ type: 'configuration', machineType: name }),
      openRam: (blocks, { length: ahead }) => {
        this.#port.post({ type: 'blocks', blocks, ahead });
        return this.sink(new Counters(this.#data.counters).row(0));
      },
      // Main keeps it until the end: it is not needed before.
      early: async () => {},
      roundsBegin: async () => {},
      passSync: (sync) => control.passSync(sync),
      waitsForUs: (who) => control.waitsForUs(who),
      gone: () => control.gone(undefined),
      finish: () => {
        control.end();
        return settled(this.#port);
      },
    };
  }

  intact(): void {
    this.#pages?.intact();
  }

  async report(): Promise<Uint8Array> {
    return (await this.#port.next('report')).report;
  }

  /** Does nothing: there is no next destination. */
  async sourceHasEnded(): Promise<void> {}

  tryAbort(): boolean {
    return true;
  }

  close(): void {
    this.#pages?.close();
  }
}
