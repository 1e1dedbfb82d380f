import type { DestinationEvent, MigrationStatus, SourceEvent } from '@multifd/core';
import type { QmpAddress } from '../qmp/connect.js';
import { migrationInfo } from './answers.js';
import { Arguments } from './arguments.js';
import { Capabilities } from './capabilities.js';
import { readParameters, type SteeredParameters } from './parameters.js';
import { readPlace } from './place.js';
import { Refusal } from './refusal.js';
import { shown } from './request.js';
import { MonitorServer, type MonitorVersion } from './server.js';
import type { MigrationOrder, MonitorTarget } from './target.js';

/** The QEMU whose commands, names, words and order of states a monitor follows. */
const FOLLOWED = { major: 10, minor: 0, micro: 0 };

const IN_PROGRESS = "There's a migration process in progress";

/** What a client asks or orders; each reads its own arguments. */
type Command = (given: Arguments) => unknown;

/**
 * A QMP monitor of one migration: answers as QEMU's, and events `MIGRATION`, `MIGRATION_PASS`, `STOP` and `RESUME`. Feed it
 * what the migration reports (`onEvent`, `failed`); it steers by its `MonitorTarget`.
 */
export class MigrationMonitor {
  readonly #target: MonitorTarget;
  readonly #capabilities: Capabilities;
  readonly #version: MonitorVersion;
  readonly #commands = new Map<string, Command>();
  #server: MonitorServer | undefined;
  #parameters: SteeredParameters;
  #status: MigrationStatus = 'none';
  #errorDesc: string | undefined;
  #pass = 0;

  private constructor(target: MonitorTarget) {
    this.#target = target;
    this.#parameters = target.parameters;
    this.#capabilities = new Capabilities(target);
    this.#version = { qemu: FOLLOWED, package: target.package };
    this.#fill();
  }

  /**
   * Listens. A unix socket is for this user alone; TCP is for a loopback address.
   * @throws MultifdError `usage` or `io` if it cannot listen there.
   */
  static async listen(address: QmpAddress, target: MonitorTarget): Promise<MigrationMonitor> {
    const monitor = new MigrationMonitor(target);
    monitor.#server = await MonitorServer.listen(address, monitor.#version, (name, given) =>
      monitor.#execute(name, given),
    );
    return monitor;
  }

  /** Where it listens, with the port that was chosen. */
  get address(): QmpAddress {
    if (this.#server === undefined) throw new Error('it does not listen yet');
    return this.#server.address;
  }

  /** The parameters as the last client left them. */
  get parameters(): SteeredParameters {
    return this.#parameters;
  }

  /** Takes what the engine reports. */
  onEvent(event: SourceEvent | DestinationEvent): void {
    if (event.type === 'status') this.#reached(event.status);
    if (event.type === 'progress' && 'round' in event) this.#passed(event.statistics.dirtySyncCount);
  }

  /** Why the migration failed: one line. Once it has completed, the guest has left, and nothing else may be said of it. */
  failed(reason: string): void {
    if (this.#status === 'completed') return;
    this.#errorDesc = reason;
    if (this.#status !== 'failed' && this.#status !== 'cancelled') this.#reached('failed');
  }

  /** It was cancelled before the engine had begun, which then says nothing of it. */
  cancelled(): void {
    if (!this.#isRunning) return;
    if (this.#status !== 'cancelling') this.#reached('cancelling');
    this.#reached('cancelled');
  }

  /** The guest's processors begin to run here (`RESUME`), or stand still (`STOP`). */
  guestRuns(runs: boolean): void {
    this.#server?.tell(runs ? 'RESUME' : 'STOP');
  }

  /** Listens no more; clients get what was sent. */
  close(): void {
    this.#server?.close();
  }

  /** @param pass looks at the dirty bitmap so far. */
  #passed(pass: number): void {
    // The engine reports now and then: several may have passed since.
    while (this.#pass < pass) this.#tellIfAsked('MIGRATION_PASS', { pass: ++this.#pass });
  }

  #reached(status: MigrationStatus): void {
    const before = this.#status;
    this.#status = status;
    if (status === 'setup') {
      this.#errorDesc = undefined;
      this.#pass = 0;
    }
    // The first look is the setup's, and QEMU tells of it there.
    if (status === 'active' && this.#target.statistics?.() !== undefined) this.#passed(1);
    if (before !== status) this.#tellIfAsked('MIGRATION', { status });
  }

  /** Both events come only with the capability `events`, as from QEMU. */
  #tellIfAsked(event: string, data: object): void {
    if (this.#capabilities.isOn('events')) this.#server?.tell(event, data);
  }

  get #isRunning(): boolean {
    return ['setup', 'active', 'device', 'cancelling'].includes(this.#status);
  }

  #fill(): void {
    const target = this.#target;
    const add = (name: string, command: Command): void => void this.#commands.set(name, command);
    const plain = (name: string, answer: () => unknown): void =>
      add(name, (given) => {
        given.end();
        return answer();
      });
    add('qmp_capabilities', () => undefined);
    plain('query-commands', () => [...this.#commands.keys()].map((name) => ({ name })));
    plain('query-version', () => this.#version);
    plain('query-status', () => target.runState());
    plain('query-migrate', () =>
      migrationInfo({ status: this.#status, statistics: target.statistics?.(), errorDesc: this.#errorDesc }),
    );
    plain('query-migrate-parameters', () => this.#parameters);
    plain('query-migrate-capabilities', () => this.#capabilities.list());
    add('migrate-set-parameters', (given) => this.#setParameters(given));
    add('migrate-set-capabilities', (given) => {
      if (this.#isRunning) throw new Refusal(IN_PROGRESS);
      this.#capabilities.set(given);
    });
    add('migrate', (given) =>
      this.#begin(given, target.migrate?.bind(target), 'no guest of this end can migrate'),
    );
    add('migrate-incoming', (given) =>
      this.#begin(
        given,
        target.migrateIncoming?.bind(target),
        "'-incoming' was not specified on the command line",
      ),
    );
    plain('migrate_cancel', () => {
      if (this.#isRunning) target.cancel();
    });
    plain('stop', () => steered(target.stop?.bind(target)));
    plain('cont', () => steered(target.cont?.bind(target)));
    plain('quit', () => {
      // The answer goes first.
      setImmediate(() => target.quit());
    });
  }

  #execute(name: string, given: Readonly<Record<string, unknown>>): unknown {
    const command = this.#commands.get(name);
    if (command === undefined)
      throw new Refusal(`The command ${shown(name)} has not been found`, 'CommandNotFound');
    return command(new Arguments(given));
  }

  #setParameters(given: Arguments): void {
    const changes = readParameters(given, this.#target.methods, this.#parameters, this.#isRunning);
    if (this.#isRunning) {
      if (this.#target.change === undefined)
        throw new Refusal('this end does not send: nothing can be changed');
      this.#target.change(changes);
    }
    this.#parameters = { ...this.#parameters, ...changes };
  }

  #begin(
    given: Arguments,
    start: ((order: MigrationOrder) => void | Promise<void>) | undefined,
    otherwise: string,
  ): void | Promise<void> {
    const uri = readPlace(given);
    if (start === undefined) throw new Refusal(otherwise);
    if (this.#isRunning) throw new Refusal(IN_PROGRESS);
    const begun = start({
      uri,
      parameters: this.#parameters,
      returnPath: this.#capabilities.isOn('return-path'),
      autoConverge: this.#capabilities.isOn('auto-converge'),
    });
    this.#reached('setup');
    return begun;
  }
}

function steered(work: (() => void | Promise<void>) | undefined): void | Promise<void> {
  if (work === undefined) throw new Refusal('the guest of this end has no processors that run here');
  return work();
}
