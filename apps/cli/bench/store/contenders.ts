/** Who keeps a guest, and brings it back. */
import { join } from 'node:path';
import { migrate, migrateIncoming } from '@multifd/qemu';
import { peakRssOf, usageOf } from '../../src/bench/process-usage.ts';
import type { QemuProcess } from '../../src/bench/qemu-process.ts';
import { CHANNELS, completed, configure, passingPath } from './guest-qemu.ts';
import { type Ended, startMultifd } from './multifd.ts';
import type { Cost } from './samples.ts';
import { cpuOfEnded, forgetPeak, syncFile } from './system.ts';

/** @param place a folder of this contender's own. @param name of the snapshot. @param warm to be called right before. */
type Step = (
  qemu: QemuProcess,
  place: string,
  name: string,
  warm: () => Promise<void>,
  signal: AbortSignal,
) => Promise<Cost>;

export interface Contender {
  /** As in tables. */
  readonly name: string;
  /** Keeps the guest of a QEMU that holds it. */
  readonly snapshot: Step;
  /** Brings it into a QEMU that waits. */
  readonly restore: Step;
}

const CHANNEL_WORDS = ['--multifd-channels', `${CHANNELS}`];

/** A multifd beside the QEMU. @param where the place of a snapshot, as users write it. */
function beside(name: string, where: (place: string, name: string) => string): Contender {
  return {
    name,
    async snapshot(qemu, place, snapshot, warm, signal) {
      await configure(qemu.qmp, 'connection');
      const socket = passingPath(place);
      const words = ['receive', `unix:${socket}`, where(place, snapshot), ...CHANNEL_WORDS];
      const receiving = startMultifd(words, 'destination', signal);
      await receiving.listening;
      await warm();
      return measured(qemu, async () => {
        await migrate(qemu.qmp, `unix:${socket}`);
        const [waited, ended] = await Promise.all([completed(qemu), receiving.ended]);
        return { waited, ended };
      });
    },
    async restore(qemu, place, snapshot, warm, signal) {
      await configure(qemu.qmp, 'connection');
      const socket = passingPath(place);
      await migrateIncoming(qemu.qmp, `unix:${socket}`);
      await warm();
      return measured(qemu, async () => {
        const words = ['migrate', where(place, snapshot), `unix:${socket}`, '--no-verify', ...CHANNEL_WORDS];
        const sending = startMultifd(words, 'source', signal);
        const [, ended] = await Promise.all([completed(qemu), sending.ended]);
        return { waited: null, ended };
      });
    },
  };
}

/** QEMU's own file, which no other process writes or reads. */
export function mappedRam(name: string): Contender {
  const path = (place: string, snapshot: string) => join(place, `${snapshot}.mapped-ram`);
  return {
    name,
    async snapshot(qemu, place, snapshot, warm) {
      await configure(qemu.qmp, 'mapped-ram');
      await warm();
      return measured(qemu, async () => {
        await migrate(qemu.qmp, `file:${path(place, snapshot)}`);
        const waited = await completed(qemu);
        // QEMU leaves it to the system when the file reaches the disk; the others do not end before it has.
        await syncFile(path(place, snapshot));
        return { waited, ended: null };
      });
    },
    async restore(qemu, place, snapshot, warm) {
      await configure(qemu.qmp, 'mapped-ram');
      await warm();
      return measured(qemu, async () => {
        await migrateIncoming(qemu.qmp, `file:${path(place, snapshot)}`);
        await completed(qemu);
        return { waited: null, ended: null };
      });
    },
  };
}

/** @param peer as in tables: `QEMU 10.0.2`. */
export function contendersBeside(peer: string): Contender[] {
  return [
    beside('store:DIR', (place, name) => `store:${join(place, 'store')}#${name}`),
    beside('file:', (place, name) => `file:${join(place, name)}.mig`),
    mappedRam(`mapped-ram of ${peer}`),
  ];
}

/** From here to the end of `work`; QEMU's share from here on only, since it has its guest already. */
async function measured(
  qemu: QemuProcess,
  work: () => Promise<{ readonly waited: number | null; readonly ended: Ended | null }>,
): Promise<Cost> {
  forgetPeak(qemu.pid);
  const before = { qemu: usageOf(qemu.pid).cpu, multifd: cpuOfEnded() };
  const began = performance.now();
  const { waited, ended } = await work();
  const ms = performance.now() - began;
  return {
    ms: Math.round(ms),
    waited,
    cpu: {
      qemu: usageOf(qemu.pid).cpu - before.qemu,
      multifd: ended === null ? null : cpuOfEnded() - before.multifd,
    },
    peakRss: { qemu: peakRssOf(qemu.pid), multifd: ended?.peakRss ?? null },
  };
}
