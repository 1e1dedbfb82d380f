import { MultifdError } from '../errors.js';
import { member } from '../member.js';
import type {
  MethodOptions,
  MultiFDMethods,
  OutgoingPages,
  PreparedPayload,
  RecvHooks,
  SendHooks,
} from './methods.js';
import { isFunction } from './shape.js';

/** Plug-in code may give anything: what a method gives is looked at before it is used. */

/** Which module each loaded method comes from, as a URL. */
const MODULES = new WeakMap<MultiFDMethods, string>();

/** Notes where a method comes from, for messages. */
export function cameFrom(method: MultiFDMethods, module: string): void {
  MODULES.set(method, module);
}

/** @throws MultifdError `codec-unavailable` if it fails or gives no hooks, or the one that it throws (`usage`). */
export async function openSendHooks(method: MultiFDMethods, options: MethodOptions): Promise<SendHooks> {
  const hooks = await asked(method, 'sendSetup', () => method.sendSetup(options));
  if (isSendHooks(hooks)) return hooks;
  throw lacks(method, 'sendSetup', hooks, SEND_HOOKS);
}

/** @throws as `openSendHooks`. */
export async function openRecvHooks(method: MultiFDMethods, options: MethodOptions): Promise<RecvHooks> {
  const hooks = await asked(method, 'recvSetup', () => method.recvSetup(options));
  if (isRecvHooks(hooks)) return hooks;
  throw lacks(method, 'recvSetup', hooks, RECV_HOOKS);
}

/**
 * One packet's payload.
 * @param where for messages: `channel 3`.
 * @throws MultifdError `codec` if the method fails or gives no payload, or the one that it throws.
 */
export async function prepare(
  where: string,
  method: MultiFDMethods,
  hooks: SendHooks,
  pages: OutgoingPages,
): Promise<PreparedPayload> {
  try {
    const payload = await hooks.prepare(pages);
    const fault = faultOfPayload(payload);
    if (fault === undefined) return payload;
    throw new MultifdError('codec', `${where}: ${nameOf(method)}: what its prepare gave ${fault}`);
  } catch (cause) {
    throw MultifdError.from(cause, 'codec', `${where}: ${nameOf(method)}: its prepare failed`);
  }
}

/** Bytes that a packet's payload may have. @param packet its name. @throws MultifdError `codec` if the method does not say. */
export function maxPayload(packet: string, name: string, hooks: RecvHooks, count: number): number {
  const where = `${packet}: multifd method ${name}: its maxPayload(${count})`;
  let most: unknown;
  try {
    most = hooks.maxPayload(count);
  } catch (cause) {
    throw MultifdError.from(cause, 'codec', `${where} failed`);
  }
  if (typeof most === 'number' && most >= 0) return most;
  throw new MultifdError('codec', `${where} gave no number of bytes`);
}

async function asked(
  method: MultiFDMethods,
  setup: string,
  ask: () => Promise<unknown> | unknown,
): Promise<unknown> {
  try {
    return await ask();
  } catch (cause) {
    throw MultifdError.from(cause, 'codec-unavailable', `${nameOf(method)}: its ${setup} failed`);
  }
}

const SEND_HOOKS = ['prepare', 'cleanup'];
const RECV_HOOKS = ['maxPayload', 'recv', 'cleanup'];

function isSendHooks(value: unknown): value is SendHooks {
  return SEND_HOOKS.every((hook) => isFunction(value, hook));
}

function isRecvHooks(value: unknown): value is RecvHooks {
  return RECV_HOOKS.every((hook) => isFunction(value, hook));
}

function lacks(
  method: MultiFDMethods,
  setup: string,
  hooks: unknown,
  wanted: readonly string[],
): MultifdError {
  const missing = wanted.filter((hook) => !isFunction(hooks, hook));
  return new MultifdError(
    'codec-unavailable',
    `${nameOf(method)}: what its ${setup} gave has no ${missing.join(' and no ')}`,
    { hint: `it must have the functions ${wanted.join(', ')}; test it with @multifd/conformance` },
  );
}

function faultOfPayload(payload: unknown): string | undefined {
  const [vectors, size, release] = ['vectors', 'size', 'release'].map((each) => member(payload, each));
  if (!areVectors(vectors)) return 'has no vectors, an array of Uint8Array';
  const bytes = vectors.reduce((sum, each) => sum + each.length, 0);
  if (size !== bytes) return `has the size ${String(size)}, and ${bytes} bytes in its vectors`;
  return ['undefined', 'function'].includes(typeof release) ? undefined : 'has a release that is no function';
}

function areVectors(value: unknown): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.every((each) => each instanceof Uint8Array);
}

function nameOf(method: MultiFDMethods): string {
  const module = MODULES.get(method);
  return `multifd method ${method.name}${module === undefined ? '' : ` (${module})`}`;
}
