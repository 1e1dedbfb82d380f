import type {
  MethodOptions,
  MultiFDMethods,
  OutgoingPages,
  PreparedPayload,
  RecvHooks,
  SendHooks,
} from './methods.js';
import { availableMethods, loadMethod } from './registry.js';

/** The value of `multifd-compression` that stands for no method of its own: the source chooses, packet by packet. */
export const AUTO = 'auto';

/**
 * The methods that a channel's thread needs: the one of that name, or for `auto` all that can run here, `none` first
 * and the others in the order of their modules: the same in each thread.
 * @throws MultifdError `codec-unavailable`.
 */
export async function methodsFor(
  name: string,
  modules: readonly string[],
): Promise<readonly MultiFDMethods[]> {
  return name === AUTO ? availableMethods(modules) : [await loadMethod(name, modules)];
}

/**
 * One channel's way out through several methods.
 * @param chosen index of the method for the next packet; others may change it at any time.
 */
export async function setUpSending(
  methods: readonly MultiFDMethods[],
  options: MethodOptions,
  chosen: () => number,
): Promise<SendHooks> {
  const all: { readonly flag: number; readonly hooks: SendHooks }[] = [];
  const cleanup = async (): Promise<void> => {
    for (const { hooks } of all) await hooks.cleanup();
  };
  try {
    for (const method of methods) all.push({ flag: method.flag, hooks: await method.sendSetup(options) });
  } catch (error) {
    await cleanup();
    throw error;
  }
  return { prepare: (pages) => prepareWith(all[chosen()] ?? all[0], pages), cleanup };
}

async function prepareWith(
  method: { readonly flag: number; readonly hooks: SendHooks } | undefined,
  pages: OutgoingPages,
): Promise<PreparedPayload> {
  if (method === undefined) throw new RangeError('no method');
  return { ...(await method.hooks.prepare(pages)), flag: method.flag };
}

/** One method of a channel's way in. */
export interface Receiver {
  readonly name: string;
  readonly flag: number;
  readonly hooks: RecvHooks;
}

/** One channel's way in through several methods: a packet's flags say which. */
export async function setUpReceiving(
  methods: readonly MultiFDMethods[],
  options: MethodOptions,
): Promise<readonly Receiver[]> {
  const receivers: Receiver[] = [];
  try {
    for (const method of methods) {
      receivers.push({ name: method.name, flag: method.flag, hooks: await method.recvSetup(options) });
    }
  } catch (error) {
    for (const { hooks } of receivers) await hooks.cleanup();
    throw error;
  }
  return receivers;
}
