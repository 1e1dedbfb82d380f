import type { AcceleratorDevice, Probe, ValuesOf } from '@multifd/core/accelerator';
import type { Kind } from './accelerator.js';
import type { CpuFeatures, QueueOptions } from './binding.js';
import { loadBinding } from './load.js';
import { noQueue, type Obstacle, obstacleOf } from './obstacle.js';
import { type Found, findQueues, ROOTS, type Roots, type WorkQueue } from './sysfs.js';

/** ms: before `--stall-timeout` (30 s) ends the migration, so that its message says what happened. */
export const PATIENCE = 5000;

/** To be said wherever it is offered, until somebody has. */
export const UNTRIED = 'it has not run on hardware yet; this measures it there: multifd accel bench';

const SETTINGS = {
  queues: {
    type: 'list',
    positional: true,
    default: [],
    help: 'work queues, as in wq0.0,wq1.0; without any: all that this user may use',
  },
} as const;

/** Work queues of real devices. */
export function hardware(roots: Roots = ROOTS, features = featuresHere): Kind<typeof SETTINGS> {
  /** Those that were asked for, or what is in the way of the first of them that cannot be used. */
  function choose({ queues: wanted }: ValuesOf<typeof SETTINGS>): readonly WorkQueue[] | Obstacle {
    const found = findQueues(roots);
    const seen = looked(found, features);
    const [first] = seen;
    if (first === undefined) return noQueue(found, roots);
    if (wanted.length === 0) {
      const usable = seen.flatMap(({ queue, obstacle }) => (obstacle === undefined ? [queue] : []));
      return usable.length === 0 && first.obstacle !== undefined ? first.obstacle : usable;
    }
    const chosen: WorkQueue[] = [];
    for (const id of new Set(wanted)) {
      const named = seen.find(({ queue }) => queue.id === id);
      if (named === undefined) {
        const known = seen.map(({ queue }) => queue.id).join(', ');
        return { reason: `there is no work queue ${id}`, fix: `name one of ${known}` };
      }
      if (named.obstacle !== undefined) return named.obstacle;
      chosen.push(named.queue);
    }
    return chosen;
  }

  return {
    name: 'dsa',
    automatic: true,
    settings: SETTINGS,
    list: () => looked(findQueues(roots), features).map(deviceOf),

    probe(settings): Probe {
      const chosen = choose(settings);
      if ('reason' in chosen) return { ok: false, ...chosen };
      const loaded = loadBinding();
      if (!('binding' in loaded)) return { ok: false, reason: loaded.reason, fix: loaded.fix };
      const names = chosen.map(({ id, device, mode }) => `${id} of ${device} (${mode})`);
      return { ok: true, detail: `${names.join(', ')}; ${UNTRIED}` };
    },

    queues(settings, numaNode): readonly QueueOptions[] {
      const chosen = choose(settings);
      if ('reason' in chosen) throw new Error(`${chosen.reason}; ${chosen.fix}`);
      const near = numaNode === undefined ? [] : chosen.filter((queue) => queue.numaNode === numaNode);
      // Whoever has named them wants all of them.
      const taken = settings.queues.length === 0 && near.length > 0 ? near : chosen;
      return taken.map(({ path, mode, size, maxBatchSize, maxTransferSize }) => ({
        device: { path, shared: mode === 'shared', size, maxBatchSize, maxTransferSize },
        patience: PATIENCE,
      }));
    },
  };
}

interface Seen {
  readonly queue: WorkQueue;
  readonly obstacle: Obstacle | undefined;
}

/** Where there is no queue, machine code is not loaded: a damaged addon harms nobody who has no such device. */
function looked(found: Found | undefined, features: () => CpuFeatures | undefined): readonly Seen[] {
  if (found === undefined || found.queues.length === 0) return [];
  const cpu = features();
  return found.queues.map((queue) => ({ queue, obstacle: obstacleOf(queue, cpu) }));
}

/** Of this CPU, as the addon says; undefined without it. */
function featuresHere(): CpuFeatures | undefined {
  const loaded = loadBinding();
  return 'binding' in loaded ? loaded.binding.features() : undefined;
}

function deviceOf({ queue, obstacle }: Seen): AcceleratorDevice {
  const { id, device, size, mode, numaNode, maxBatchSize } = queue;
  const facts = {
    id,
    what: `work queue of ${device}, batches of up to ${maxBatchSize}`,
    queueDepth: size,
    ...(numaNode === undefined ? {} : { numaNode }),
    ...(mode === '' ? {} : { mode }),
  };
  return obstacle === undefined ? { ...facts, usable: true } : { ...facts, usable: false, ...obstacle };
}
