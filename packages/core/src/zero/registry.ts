import type { AcceleratorReference } from '../engine/api.js';
import { MultifdError } from '../errors.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator, type Probe } from './accelerator.js';

/** A candidate that is not used, and why: kept and shown, never thrown away. */
export interface RefusedAccelerator {
  readonly name: string;
  readonly reason: string;
  readonly fix: string;
}

export interface AcceleratorChoice {
  readonly accelerator: AcceleratorReference;
  /** What the accelerator said of itself: what runs, on what. */
  readonly detail: string;
  /** What was asked for: `auto`, a name, or a module. */
  readonly requested: string;
  readonly refused: readonly RefusedAccelerator[];
}

/** An accelerator of a known module, with its answer to `probe`. */
export interface ProbedAccelerator {
  readonly reference: AcceleratorReference;
  readonly probe: Probe;
}

/**
 * The accelerators that are known here, in order of preference. Registering is cheap and loads nothing; a
 * module is imported once, when the choice is made, and each probe's answer is kept.
 */
export class AcceleratorRegistry {
  readonly #modules: string[] = [];
  readonly #probed = new Map<string, Promise<readonly ProbedAccelerator[]>>();

  /** @param module URL of a module that exports `accelerators`; the first registered is preferred by `auto`. */
  register(module: string): void {
    if (!this.#modules.includes(module)) this.#modules.push(module);
  }

  /**
   * Every accelerator of every registered module, probed, in order of preference. A module that cannot be loaded
   * is listed under its URL, with the reason: it must not take the others away.
   */
  async list(): Promise<readonly ProbedAccelerator[]> {
    const probe = (module: string): Promise<readonly ProbedAccelerator[]> =>
      this.#probeModule(module).catch((error: unknown) => [unloadable(module, error)]);
    return (await Promise.all(this.#modules.map(probe))).flat();
  }

  /**
   * `auto` takes the first that can run. A name, or the URL of a module, is used or refused: it never falls
   * through to another.
   * @throws MultifdError `accelerator-unavailable` with the reason and what to do.
   */
  async choose(requested = 'auto'): Promise<AcceleratorChoice> {
    const isModule = requested.includes(':');
    const all = isModule ? await this.#probeModule(requested) : await this.list();
    const wanted =
      isModule || requested === 'auto' ? all : all.filter((each) => each.reference.name === requested);
    const refused: RefusedAccelerator[] = [];
    for (const { reference, probe } of wanted) {
      if (probe.ok) return { accelerator: reference, detail: probe.detail, requested, refused };
      refused.push({ name: reference.name, reason: probe.reason, fix: probe.fix });
    }
    const [first] = refused;
    if (first !== undefined) {
      throw new MultifdError(
        'accelerator-unavailable',
        `accelerator ${first.name} cannot run here: ${first.reason}`,
        {
          hint: first.fix,
        },
      );
    }
    const unloaded = all.find(({ reference }) => reference.name === reference.module)?.probe;
    const known = all.map((each) => each.reference.name).join(', ') || 'none';
    throw new MultifdError(
      'accelerator-unavailable',
      `no accelerator is called ${requested}; known here: ${known}`,
      unloaded === undefined || unloaded.ok ? {} : { hint: unloaded.reason },
    );
  }

  #probeModule(module: string): Promise<readonly ProbedAccelerator[]> {
    const running = this.#probed.get(module) ?? probeAll(module);
    this.#probed.set(module, running);
    return running;
  }
}

function unloadable(module: string, error: unknown): ProbedAccelerator {
  const { message, hint } = MultifdError.from(error, 'accelerator-unavailable', module);
  const probe = { ok: false, reason: message, fix: hint ?? 'install it again for this system' } as const;
  return { reference: { module, name: module }, probe };
}

async function probeAll(module: string): Promise<readonly ProbedAccelerator[]> {
  return Promise.all(
    (await loadAccelerators(module)).map(async (accelerator) => ({
      reference: { module, name: accelerator.name },
      probe: await accelerator.probe(),
    })),
  );
}

/**
 * Imports one accelerator in this thread.
 * @throws MultifdError `accelerator-unavailable` if the module or the name is not there.
 */
export async function loadAccelerator(reference: AcceleratorReference): Promise<Accelerator> {
  const found = (await loadAccelerators(reference.module)).find((each) => each.name === reference.name);
  if (found !== undefined) return found;
  throw new MultifdError(
    'accelerator-unavailable',
    `${reference.module} has no accelerator called ${reference.name}`,
  );
}

async function loadAccelerators(module: string): Promise<readonly Accelerator[]> {
  let exported: unknown;
  try {
    exported = await import(module);
  } catch (cause) {
    throw MultifdError.from(cause, 'accelerator-unavailable', `cannot load accelerator module ${module}`);
  }
  const list: unknown =
    typeof exported === 'object' && exported !== null ? Reflect.get(exported, 'accelerators') : undefined;
  if (!Array.isArray(list) || !list.every(isAccelerator)) {
    throw new MultifdError(
      'accelerator-unavailable',
      `${module} does not export accelerators: readonly Accelerator[] of contract version ${ACCELERATOR_SPEC_VERSION}`,
    );
  }
  return list;
}

function isAccelerator(value: unknown): value is Accelerator {
  if (typeof value !== 'object' || value === null) return false;
  const name: unknown = Reflect.get(value, 'name');
  return (
    Reflect.get(value, 'specVersion') === ACCELERATOR_SPEC_VERSION &&
    typeof name === 'string' &&
    /^[a-z0-9][a-z0-9-]*$/.test(name) &&
    typeof Reflect.get(value, 'probe') === 'function' &&
    typeof Reflect.get(value, 'open') === 'function' &&
    hasCapabilities(Reflect.get(value, 'capabilities'))
  );
}

function hasCapabilities(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const batch: unknown = Reflect.get(value, 'preferredBatch');
  const sizes: unknown = Reflect.get(value, 'pageSize');
  return (
    typeof batch === 'number' &&
    Number.isInteger(batch) &&
    batch >= 1 &&
    batch <= 2 ** 20 &&
    typeof sizes === 'object' &&
    sizes !== null &&
    typeof Reflect.get(sizes, 'min') === 'number' &&
    typeof Reflect.get(sizes, 'max') === 'number'
  );
}
