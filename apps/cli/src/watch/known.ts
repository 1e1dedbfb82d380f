import type {
  DestinationEvent,
  DestinationStatistics,
  Migrating,
  MigrationStatus,
  RoundStatistics,
  SourceEvent,
  SourceStatistics,
} from '@multifd/core';
import type { Steered } from '../control/command-monitor.js';

/** What the engine reports, at whichever end. */
export type EngineEvent = SourceEvent | DestinationEvent;

/** What is known of a migration while it runs: the last of all that the engine has reported. */
export class Known {
  readonly command: Steered;
  #status: MigrationStatus = 'none';
  #round: RoundStatistics | undefined;
  #migrating: Migrating | undefined;
  #source: SourceStatistics | undefined;
  #destination: DestinationStatistics | undefined;
  #errorDesc: string | undefined;
  #refused = 0;
  #warnings = 0;

  constructor(command: Steered) {
    this.command = command;
  }

  onEvent(event: EngineEvent): void {
    if (event.type === 'status') this.#status = event.status;
    if (event.type === 'round') this.#round = event.round;
    if (event.type === 'refused') this.#refused++;
    if (event.type === 'warning') this.#warnings++;
    if (event.type !== 'progress') return;
    if ('round' in event) this.#source = event.statistics;
    else this.#destination = event.statistics;
  }

  /** A source's migration runs, and can be asked. */
  begun(migrating: Migrating): void {
    this.#migrating = migrating;
  }

  /** All has arrived at a destination or a relay. */
  received(statistics: DestinationStatistics): void {
    this.#destination = statistics;
  }

  failed(errorDesc: string): void {
    this.#errorDesc = errorDesc;
  }

  get status(): MigrationStatus {
    return this.#status;
  }

  /** Nothing is expected any more, and nobody holds the guest. */
  get isOver(): boolean {
    return ['completed', 'failed', 'cancelled'].includes(this.#status);
  }

  /** The last round that is over. */
  get round(): RoundStatistics | undefined {
    return this.#round;
  }

  /** Of a source. */
  get source(): SourceStatistics | undefined {
    return this.#migrating?.statistics() ?? this.#source;
  }

  /** Of a destination, or of the side of a relay that receives. */
  get destination(): DestinationStatistics | undefined {
    return this.#destination;
  }

  get errorDesc(): string | undefined {
    return this.#errorDesc;
  }

  /** Connections that were turned away. */
  get refused(): number {
    return this.#refused;
  }

  get warnings(): number {
    return this.#warnings;
  }
}
