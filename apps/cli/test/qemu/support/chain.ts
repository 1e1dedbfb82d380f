/**
 * One guest on its way through QEMUs, files and relays. Wherever it arrives, its RAM is compared with what it left, byte
 * for byte, before it runs; then it must count on.
 */
import { expect } from 'vitest';
import type { QemuRelease } from '../../../../../packages/qemu/test/support/binaries.js';
import { CONTROL } from '../../../../../packages/qemu/test/support/boot-code.js';
import type { TestFolder } from '../../../../../packages/qemu/test/support/folder.js';
import {
  queryMachineType,
  queryMigrate,
  setParameters,
  stop,
  waitForMigration,
} from '../../../../../packages/qemu/test/support/monitor.js';
import type { Qemu } from '../../../../../packages/qemu/test/support/qemu.js';
import { readControl } from '../../../../../packages/qemu/test/support/ram-files.js';
import { until } from '../../../../../packages/qemu/test/support/until.js';
import { type Ended, type Running, run, start, startReceive } from '../../helpers/cli.js';
import {
  DIRTY,
  ENDED,
  expectCountGoesOn,
  expectSameRam,
  type Guest,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './guests.js';
import { expectStored, identityIn, romsIn } from './pages.js';

export const UUID = '12345678-1234-1234-1234-123456789abc';
/** Bytes a second at which a guest that runs begins to leave. */
const SLOW = 16 * 2 ** 20;
/** Pages with content, of about 8000. Those that the guest writes to have left by then. */
const HALF = 4000;

const isEnd = (status: string): boolean => ENDED.some((each) => each === status);

export interface ChainSettings {
  /** With its version, so that each QEMU has the same. */
  readonly machine: string;
  /** Of every connection. */
  readonly channels: number;
  /** Of every connection. Default `none`. */
  readonly method?: 'none' | 'zlib' | 'zstd';
  /** Of source QEMUs from 9.0 on. Default: the machine type's. */
  readonly detection?: 'legacy' | 'multifd';
}

/** What is between two QEMUs. Of two files or relays the second gets the guest from the first. */
export type Between = 'file:' | 'file: to file:' | 'relay' | 'relay to relay';

export class Chain {
  readonly #folder: TestFolder;
  readonly #settings: ChainSettings;
  readonly #qemus: Qemu[];
  #release: QemuRelease;
  #guest: Guest;
  /** What the guest has said in QEMUs before the one that it is in. */
  #said = '';
  /** Rounds of the guest's loop before it left. */
  #counted = 0;
  /** Of the first file. */
  #roms: Record<string, string> | undefined;
  #steps = 0;

  private constructor(folder: TestFolder, settings: ChainSettings, release: QemuRelease, guest: Guest) {
    this.#folder = folder;
    this.#settings = settings;
    this.#release = release;
    this.#guest = guest;
    this.#qemus = [guest.qemu];
  }

  /** A guest that counts in this QEMU. */
  static async begin(folder: TestFolder, settings: ChainSettings, release: QemuRelease): Promise<Chain> {
    const { machine } = settings;
    const guest = await startSource({ release, machine, folder: folder.path, extra: ['-uuid', UUID] });
    return new Chain(folder, settings, release, guest);
  }

  /** Its RAM and its QEMU, or the one that it was in last. */
  get guest(): Guest {
    return this.#guest;
  }

  /** The guest goes on to a QEMU of this release, and counts there. */
  async to(release: QemuRelease, between: Between): Promise<void> {
    switch (between) {
      case 'file:':
        return this.load(await this.store(), release);
      case 'file: to file:':
        return this.load(await this.#storeAgain(await this.store()), release);
      case 'relay':
        return this.#arrive(release, (address) => this.#relay(address, 1));
      case 'relay to relay':
        return this.#arrive(release, (address) => this.#relay(address, 2));
    }
  }

  /** The guest leaves its QEMU for a file, whose pages are its RAM. @returns the file. */
  async store(): Promise<string> {
    const file = this.#folder.file(`step-${this.#steps}.mig`);
    const receiving = await startReceive([`file:${file}`, ...this.#words(), '--uuid', UUID, '--json']);
    await this.#leave(receiving.address);
    const { stdout } = this.#ended(await receiving.ended);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'completed',
      'machine-type': this.#settings.machine,
      'device-state': 'kept',
      'multifd-compression': this.#settings.method ?? 'none',
    });
    await this.#left();
    this.#expectStored(file);
    return file;
  }

  /** The guest goes from its file to a QEMU of this release, and counts there. */
  load(file: string, release: QemuRelease): Promise<void> {
    return this.#arrive(release, async (address) => {
      const sent = await run(['migrate', `file:${file}`, address, ...this.#words(), '--json']);
      expect(JSON.parse(this.#ended(sent).stdout)).toMatchObject({ status: 'completed', verified: null });
    });
  }

  /** A QEMU of this release listens, and gets the guest by `send`: its RAM is what it was, and then it counts on. */
  async #arrive(release: QemuRelease, send: (address: string) => Promise<void>): Promise<void> {
    this.#steps++;
    const { machine, channels, method = 'none' } = this.#settings;
    const place = { release, machine, folder: this.#folder.path, extra: ['-uuid', UUID] };
    const target = await startTarget(place, `step-${this.#steps}`);
    this.#qemus.push(target.qemu);
    expect(await queryMachineType(target.qemu.qmp)).toBe(machine);
    await send(await listen(target, channels, { 'multifd-compression': method }));
    const info = await waitForMigration(target.qemu.qmp, ENDED, 60_000);
    expect(info, target.qemu.log()).toMatchObject({ status: 'completed' });
    expect(await target.qemu.isRunning()).toBe(false);
    expectSameRam(this.#guest, target);
    await expectCountGoesOn(this.#guest, target, this.#said);
    this.#said += this.#guest.qemu.serial();
    this.#guest = target;
    this.#release = release;
  }

  /** Options for each end of each connection. */
  #words(): string[] {
    const { channels, method = 'none' } = this.#settings;
    return ['--channels', `${channels}`, '--compression', method];
  }

  /** The stored guest goes to a second multifd, which stores it, too, and verifies it. */
  async #storeAgain(file: string): Promise<string> {
    const again = this.#folder.file(`step-${this.#steps}-again.mig`);
    const receiving = await startReceive([`file:${again}`, ...this.#words(), '--uuid', UUID, '--json']);
    const sent = await run([
      'migrate',
      `file:${file}`,
      receiving.address,
      ...this.#words(),
      '--verify',
      '--json',
    ]);
    expect(JSON.parse(this.#ended(sent).stdout)).toMatchObject({ status: 'completed', verified: true });
    this.#ended(await receiving.ended);
    this.#expectStored(again);
    return again;
  }

  /** The guest goes live through so many relays. */
  async #relay(destination: string, count: number): Promise<void> {
    const relays: Running[] = [];
    let address = destination;
    while (relays.length < count) {
      const words = ['relay', 'tcp:127.0.0.1:0', address, ...this.#words(), '--uuid', UUID, '--json'];
      const relaying = start(words);
      relays.push(relaying);
      address = await relaying.says(/listening on (tcp:\S+)/);
    }
    await this.#leave(address);
    for (const { ended } of relays) {
      const { stdout } = this.#ended(await ended);
      expect(JSON.parse(stdout)).toMatchObject({
        status: 'completed',
        'machine-type': this.#settings.machine,
        incoming: { compression: { name: this.#settings.method ?? 'none' } },
        outgoing: { compression: { name: this.#settings.method ?? 'none' } },
      });
    }
    await this.#left();
  }

  /**
   * The QEMU sends its guest, slowly at first: it runs meanwhile, and writes to pages that have left. With 7.2 it is paused
   * before (docs/interop.md says why).
   */
  async #leave(address: string): Promise<void> {
    const { channels, method = 'none', detection } = this.#settings;
    const { qemu, ram } = this.#guest;
    const isPaused = this.#release === '7.2';
    if (isPaused) await stop(qemu.qmp);
    this.#counted = readControl(ram.path, CONTROL.rounds);
    await migrateTo(this.#guest, address, {
      'multifd-channels': channels,
      'multifd-compression': method,
      ...(detection === undefined || isPaused ? {} : { 'zero-page-detection': detection }),
      ...(isPaused ? {} : { 'max-bandwidth': SLOW }),
    });
    if (isPaused) return;
    await until('half of the pages have left', async () => {
      const { status, ram: sent } = await queryMigrate(qemu.qmp);
      return isEnd(status) || (sent?.normal ?? 0) > HALF;
    });
    const then = readControl(ram.path, CONTROL.rounds);
    await until('the guest has written to pages that have left', async () => {
      const { status } = await queryMigrate(qemu.qmp);
      return isEnd(status) || readControl(ram.path, CONTROL.rounds) > then + DIRTY.dirtyPages;
    });
    await setParameters(qemu.qmp, { 'max-bandwidth': 0 });
  }

  /** The QEMU has let go of its guest, and ends. Its RAM and what its guest has said stay in the folder. */
  async #left(): Promise<void> {
    const { qemu, ram } = this.#guest;
    expect(await waitForMigration(qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expect(await qemu.isRunning()).toBe(false);
    const counted = readControl(ram.path, CONTROL.rounds);
    if (this.#release === '7.2') expect(counted).toBe(this.#counted);
    else expect(counted).toBeGreaterThan(this.#counted);
    await qemu.kill();
  }

  /** It has ended well. */
  #ended(ended: Ended): Ended {
    expect(
      ended.code,
      `step ${this.#steps}: ${ended.stderr}${this.#qemus.map((each) => each.log()).join('')}`,
    ).toBe(0);
    return ended;
  }

  /** The file has the guest's RAM, its firmware and tables as ever, its machine type and uuid. */
  #expectStored(file: string): void {
    expectStored(file, this.#guest.ram);
    this.#roms ??= romsIn(file);
    expect(Object.keys(this.#roms)).toContain('pc.bios');
    expect(romsIn(file)).toEqual(this.#roms);
    expect(identityIn(file)).toEqual({ machine: this.#settings.machine, uuid: UUID });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const qemu of this.#qemus) await qemu.kill();
  }
}
