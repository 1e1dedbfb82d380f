import type { ChannelMethods } from './automatic.js';
import type { MethodOptions, MultiFDMethods, OutgoingPages, PreparedPayload, SendHooks } from './methods.js';

/** A method in use by a channel. */
interface Sending {
  readonly flag: number;
  readonly hooks: SendHooks;
}

/**
 * One channel's way out through several methods. The first is set up at once, so that it is told before anything is sent
 * if it cannot be; each other with the first packet that is to be made with it.
 *
 * @param chosen index of the method for the next packet, among all; others may change it at any time.
 * @throws whatever the first method's `sendSetup` throws.
 */
export async function setUpSending(
  methods: ChannelMethods,
  options: MethodOptions,
  chosen: () => number,
): Promise<SendHooks> {
  const inUse = new Map<number, Sending>();
  const setUp = async (index: number, method: MultiFDMethods | undefined): Promise<Sending> => {
    if (method === undefined) throw new RangeError(`no method ${index}`);
    const sending = { flag: method.flag, hooks: await method.sendSetup(options) };
    inUse.set(index, sending);
    return sending;
  };
  await setUp(0, methods.first);
  return {
    async prepare(pages: OutgoingPages): Promise<PreparedPayload> {
      const index = chosen();
      const { flag, hooks } = inUse.get(index) ?? (await setUp(index, (await methods.all())[index]));
      return { ...(await hooks.prepare(pages)), flag };
    },
    async cleanup(): Promise<void> {
      for (const { hooks } of inUse.values()) await hooks.cleanup();
    },
  };
}
