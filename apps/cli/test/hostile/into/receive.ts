import { setTimeout as delay } from 'node:timers/promises';
import {
  type DestinationEvent,
  type MigrationParameters,
  type ReceiveOptions,
  receive,
  relay,
} from '@multifd/core';
import { attack, bringGuest } from '../connections.ts';
import { faultOf, LIMIT } from '../rules.ts';
import { rightSource, type SourceScenario } from '../scenario.ts';

export interface Ending {
  readonly end: string;
  readonly faults: readonly string[];
}

const MODULES = {
  none: [],
  zlib: [import.meta.resolve('@multifd/codec-zlib')],
  zstd: [import.meta.resolve('@multifd/codec-zstd')],
};

function parametersOf({ channels, compression }: SourceScenario): Partial<MigrationParameters> {
  return {
    multifdChannels: channels,
    multifdCompression: compression,
    setupTimeout: 2000,
    stallTimeout: 2000,
    idleTimeout: 2000,
  };
}

/** What an end says of whoever comes. */
class Watch {
  /** Somebody was turned away. */
  readonly refused = Promise.withResolvers<void>();
  /** A source was let in: how that ends is the end. */
  begun = false;

  readonly onEvent = (event: DestinationEvent): void => {
    if (event.type === 'refused') this.refused.resolve();
    if (event.type === 'status' && event.status === 'active') this.begun = true;
  };
}

/** A hostile source comes to `receive`. Unless it ends that, the right one comes behind it, and has to get in. */
export async function intoReceive(scenario: SourceScenario): Promise<Ending> {
  const watch = new Watch();
  const options: ReceiveOptions = {
    onEvent: watch.onEvent,
    listen: 'tcp:127.0.0.1:0',
    parameters: parametersOf(scenario),
    methodModules: MODULES[scenario.compression],
    maxRam: 2 ** 36,
  };
  const incoming = await receive(options);
  try {
    return await whoGetsIn(scenario, watch, incoming);
  } finally {
    incoming.close();
    await incoming.result.catch(() => {});
  }
}

/** The same through a relay: its destination waits for a guest, and may only get the right one. */
export async function intoRelay(scenario: SourceScenario): Promise<Ending> {
  const parameters = parametersOf(scenario);
  const last = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { ...parameters, multifdCompression: 'none', setupTimeout: LIMIT },
    maxRam: 2 ** 36,
  });
  const watch = new Watch();
  const relaying = await relay({
    onEvent: watch.onEvent,
    listen: 'tcp:127.0.0.1:0',
    to: last.address,
    incoming: parameters,
    outgoing: { ...parameters, multifdCompression: 'none', zeroPageDetection: 'none' },
    methodModules: MODULES[scenario.compression],
  });
  try {
    const ending = await whoGetsIn(scenario, watch, relaying);
    last.close();
    const fault = await last.result.then(() => undefined, faultOf);
    return fault === undefined
      ? ending
      : { ...ending, faults: [...ending.faults, `its destination: ${fault}`] };
  } finally {
    relaying.close();
    last.close();
    await Promise.allSettled([relaying.result, last.result]);
  }
}

async function whoGetsIn(
  scenario: SourceScenario,
  watch: Watch,
  { address, result }: { readonly address: string; readonly result: Promise<unknown> },
): Promise<Ending> {
  let end: string | undefined;
  const faults: string[] = [];
  const settled = result.then(
    () => {
      end = 'completed';
    },
    (error: unknown) => {
      const fault = faultOf(error);
      if (fault !== undefined) faults.push(fault);
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      end = `refused: ${String(code)}`;
    },
  );
  await attack(address, scenario, Promise.race([settled, watch.refused.promise]));
  if (watch.begun) await Promise.race([settled, delay(LIMIT / 2)]);
  const early = end;
  if (early !== undefined) return { end: early, faults };
  const right = rightSource(scenario.channels, scenario.compression);
  await Promise.race([settled, bringGuest(address, right, () => end !== undefined)]);
  if (end === undefined) return { end: 'hangs', faults: ['the right source does not get in'] };
  // Refused: the hostile source had been let in after all, and what it sent was read only now.
  return { end: `waits, then ${end}`, faults };
}
