import type { IncomingBlock } from '../ram/incoming-ram.js';
import type { StreamConfiguration } from '../wire/main/configuration.js';
import type { DeviceSection } from '../wire/main/records.js';
import type { Waiting } from './control.js';
import type { ExpectedSource } from './expected-source.js';
import type { PageSink } from './page-sink.js';

/** What main needs of the API thread. */
export interface MainHost extends ExpectedSource {
  /** ms to wait for bytes that are due. */
  readonly stallTimeout: number;
  /** Whether the channels of this end take runs of zero pages (docs/wire.md, 14). Default: no. */
  readonly takesZeroRuns?: boolean;
  /** Shows the user a warning. */
  warn(message: string): void;
  configured(machineType: string, configuration: StreamConfiguration): void;
  /** Opens the sink for the announced blocks' pages. `beforeRam`: the raw sections that came before them. */
  openRam(blocks: readonly IncomingBlock[], beforeRam: Uint8Array): Promise<PageSink>;
  /** Early state has arrived after the START section of RAM: the raw section. */
  early(section: Uint8Array): Promise<void>;
  /** The first PART or END section of RAM begins: no more early state follows. */
  roundsBegin(): Promise<void>;
  /**
   * Main has reached sync number `sync`, from 1: resolves once everything before it, on all connections, has been
   * applied and what follows may begin.
   */
  passSync(sync: number): Promise<void>;
  /** Main has reached RAM: by now it is known who waits for our reply. */
  waitsForUs(who: Waiting): void;
  /** The source closed main while this thread waited for something else. */
  gone(): void;
  /**
   * All syncs are passed and the device state has arrived: nothing more follows.
   * @param stillThere throws if the source waits for our reply and has closed main: then it has taken its guest back.
   * @param takenBack rejects when that happens, with the same error; never resolves.
   */
  finish(received: ReceivedState, stillThere: () => void, takenBack: Promise<never>): Promise<void>;
}

/** What main carried besides RAM. */
export interface ReceivedState {
  readonly configuration: StreamConfiguration;
  /** Undefined if there is device state and no description that fits it: it cannot be split. */
  readonly sections: readonly DeviceSection[] | undefined;
  /** The raw early sections: before the START section of RAM, and after it. */
  readonly beforeRam: Uint8Array;
  readonly early: Uint8Array;
  readonly bytes: Uint8Array;
  readonly vmdesc: string | undefined;
  readonly reportRequested: boolean;
}
