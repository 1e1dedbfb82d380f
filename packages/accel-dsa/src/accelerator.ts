import { MessageChannel } from 'node:worker_threads';
import type { Accelerator, AcceleratorDevice, Probe, Settings, ValuesOf } from '@multifd/core/accelerator';
import type { Lane, QueueOptions } from './binding.js';
import { DsaDetector } from './detector.js';
import { requireBinding } from './load.js';

const PAGE_SIZE = { min: 4096, max: 65536 } as const;

/** Pages of a call: all of a 4 MiB range. How large a batch a device likes best was not measured. */
const PREFERRED_BATCH = 1024;

/** Calls for each queue: the device looks at one while others are on their way there and back. */
const IN_FLIGHT = { each: 4, most: 16 } as const;

/** What tells one kind of queue from another. */
export interface Kind<S extends Settings> {
  readonly name: string;
  /** Whether `auto` may take it. */
  readonly automatic: boolean;
  readonly settings: S;
  list?(): readonly AcceleratorDevice[];
  probe(settings: ValuesOf<S>): Probe;
  /** @throws Error with what is in the way. */
  queues(settings: ValuesOf<S>, numaNode: number | undefined): readonly QueueOptions[];
}

export function dsaAccelerator<S extends Settings>(kind: Kind<S>): Accelerator<S> {
  const { name, automatic, settings } = kind;
  return {
    specVersion: 2,
    name,
    capabilities: {
      pageSize: PAGE_SIZE,
      preferredBatch: PREFERRED_BATCH,
      inFlight: IN_FLIGHT.most,
      automatic,
    },
    settings,
    ...(kind.list === undefined ? {} : { list: () => kind.list?.() ?? [] }),
    probe: (values) => kind.probe(values),

    // All threads of a process share its queues, which are opened here once: what is in the way is told once.
    share(values) {
      const lanes = openAll(kind.queues(values, undefined));
      return {
        connect: () => new MessageChannel().port1,
        close: () => closeAll(lanes),
      };
    },

    open({ pageSize, line, settings: values, numaNode }) {
      // Queues are found by their names. The port only says that they are shared.
      line?.close();
      const powerOfTwo = Number.isInteger(Math.log2(pageSize));
      if (!powerOfTwo || pageSize < PAGE_SIZE.min || pageSize > PAGE_SIZE.max) {
        throw new RangeError(
          `accelerator ${name}: page size ${pageSize} is not a power of two from ${PAGE_SIZE.min} to ${PAGE_SIZE.max}`,
        );
      }
      const lanes = openAll(kind.queues(values, numaNode));
      const inFlight = Math.min(IN_FLIGHT.most, IN_FLIGHT.each * lanes.length);
      return new DsaDetector(lanes, pageSize, PREFERRED_BATCH, inFlight);
    },
  };
}

function openAll(queues: readonly QueueOptions[]): readonly Lane[] {
  const { Lane } = requireBinding();
  const lanes: Lane[] = [];
  try {
    for (const queue of queues) lanes.push(new Lane(queue));
  } catch (error) {
    closeAll(lanes);
    throw error;
  }
  return lanes;
}

function closeAll(lanes: readonly Lane[]): void {
  for (const lane of lanes) lane.close();
}
