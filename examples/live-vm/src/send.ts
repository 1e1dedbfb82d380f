/** Sends a machine, and tries again while it is certain that the machine is still here. */
import { setTimeout as delay } from 'node:timers/promises';
import { type MigrateResult, MultifdError, migrate } from '@multifd/core';
import type { Vm } from './vm.ts';

export interface SendOptions {
  readonly to: string;
  readonly signal: AbortSignal;
  /** Bytes a second; 0: no limit. */
  readonly maxBandwidth: number;
  readonly say: (line: string) => void;
}

const ATTEMPTS = 20;
/** ms between two attempts. */
const PAUSE = 500;

/**
 * The machine runs on here whenever this throws, with one exception: `guest` of the error is `either` or `destination`. Then it
 * must stay stopped here until somebody has looked at the other end.
 */
export async function send(vm: Vm, { to, signal, maxBandwidth, say }: SendOptions): Promise<MigrateResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrate({
        guest: vm.guest,
        to,
        accelerator: { module: import.meta.resolve('@multifd/accel-js'), name: 'js' },
        parameters: { maxBandwidth },
        signal,
        onEvent: (event) => {
          if (event.type === 'status') say(event.status);
          if (event.type === 'progress') say(`round ${event.round}`);
        },
      });
    } catch (error) {
      const isHere = MultifdError.is(error) && (error.guest === undefined || error.guest === 'source');
      const mayPass = MultifdError.is(error) && ['io', 'peer-closed', 'timeout'].includes(error.code);
      if (!isHere || !mayPass || attempt === ATTEMPTS) throw error;
      say(`attempt ${attempt} failed: ${error.message}`);
      await delay(PAUSE, undefined, { signal });
    }
  }
}
