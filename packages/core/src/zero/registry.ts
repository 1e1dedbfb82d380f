import type { AcceleratorReference } from '../engine/api.js';
import { MultifdError } from '../errors.js';
import { ACCELERATOR_SPEC_VERSION, type Accelerator, type Probe } from './accelerator.js';
import { measureRates } from './calibrate.js';
import { probeApart } from './probe-apart.js';

/** Of `auto`: within so much of the fastest, the order of preference decides, and not the noise of a short look. */
const AS_FAST_AS = 0.9;

/** ms that an asynchronous probe may take. */
const PROBE_PATIENCE = 5000;

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
  /** What `auto` measured here just now, fastest first; absent if it had no choice, or was not asked. */
  readonly measured?: readonly MeasuredAccelerator[];
}

export interface MeasuredAccelerator {
  readonly name: string;
  /** Of guest memory, three quarters zero, all of it populated, by one thread. */
  readonly bytesPerSecond: number;
}

/** An accelerator of a known module, with its answer to `probe`. */
export interface ProbedAccelerator {
  readonly reference: AcceleratorReference;
  readonly probe: Probe;
  /** Whether `auto` may take it. */
  readonly automatic: boolean;
}

/**
 * The accelerators that are known here, in order of preference. Registering is cheap and loads nothing; a
 * module is imported once, when the choice is made, and each probe's answer is kept.
 */
export class AcceleratorRegistry {
  readonly #modules: string[] = [];
  readonly #probed = new Map<string, Promise<readonly ProbedAccelerator[]>>();

  /**
   * @param module URL of a module that exports `accelerators`; the first registered is preferred by `auto`. It is
   *   trusted as the program itself is: imported and probed in this thread.
   */
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
   * The accelerators of somebody's module, probed in a thread of its own: what it does there to its thread is told as
   * an error, and nothing of it stays behind.
   *
   * @throws MultifdError `accelerator-unavailable` if it cannot be loaded, or does not come to an end.
   */
  probe(module: string): Promise<readonly ProbedAccelerator[]> {
    return this.#probeModule(module);
  }

  /**
   * `auto` asks all, measures those that can run for a few milliseconds and takes the fastest; of those that are
   * as fast, the one that was registered first. A name, or the URL of a module, is used or refused: it never falls
   * through to another. Of a module's accelerators the first that can run is taken.
   * @throws MultifdError `accelerator-unavailable` with the reason and what to do.
   */
  async choose(requested = 'auto'): Promise<AcceleratorChoice> {
    const isModule = requested.includes(':');
    const all = isModule ? await this.#probeModule(requested) : await this.list();
    if (requested === 'auto') {
      const fastest = await chooseFastest(all);
      if (fastest !== undefined) return fastest;
    }
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
    const probe = this.#modules.includes(module) ? probeAll : probeApart;
    const running = this.#probed.get(module) ?? probe(module);
    this.#probed.set(module, running);
    return running;
  }
}

function unloadable(module: string, error: unknown): ProbedAccelerator {
  const { message, hint } = MultifdError.from(error, 'accelerator-unavailable', module);
  const probe = { ok: false, reason: message, fix: hint ?? 'install it again for this system' } as const;
  return { reference: { module, name: module }, probe, automatic: true };
}

/** @returns undefined if none can run. */
async function chooseFastest(all: readonly ProbedAccelerator[]): Promise<AcceleratorChoice | undefined> {
  const refused: RefusedAccelerator[] = [];
  const able: { reference: AcceleratorReference; detail: string; accelerator: Accelerator }[] = [];
  for (const { reference, probe, automatic } of all) {
    if (!automatic) continue;
    if (probe.ok)
      able.push({ reference, detail: probe.detail, accelerator: await loadAccelerator(reference) });
    else refused.push({ name: reference.name, reason: probe.reason, fix: probe.fix });
  }
  const [only] = able;
  if (only === undefined) return undefined;
  if (able.length === 1) {
    return { accelerator: only.reference, detail: only.detail, requested: 'auto', refused };
  }
  const rates = await measureRates(able.map(({ accelerator }) => accelerator));
  const measured = able.flatMap((each, index) => {
    const rate = rates[index];
    if (rate !== undefined && 'bytesPerSecond' in rate) {
      return [{ ...each, bytesPerSecond: Math.round(rate.bytesPerSecond) }];
    }
    const reason = rate?.error.message ?? 'it was not measured';
    refused.push({
      name: each.reference.name,
      reason,
      fix: 'see `multifd accel list`, or ask for it by name',
    });
    return [];
  });
  const best = Math.max(0, ...measured.map(({ bytesPerSecond }) => bytesPerSecond));
  const chosen = measured.find(({ bytesPerSecond }) => bytesPerSecond >= AS_FAST_AS * best);
  if (chosen === undefined) return undefined;
  return {
    accelerator: chosen.reference,
    detail: chosen.detail,
    requested: 'auto',
    refused,
    measured: measured
      .map(({ reference, bytesPerSecond }) => ({ name: reference.name, bytesPerSecond }))
      .sort((a, b) => b.bytesPerSecond - a.bytesPerSecond),
  };
}

/** Imports a module and probes its accelerators, in this thread. */
export async function probeAll(module: string): Promise<readonly ProbedAccelerator[]> {
  return Promise.all(
    (await loadAccelerators(module)).map(async (accelerator) => ({
      reference: { module, name: accelerator.name },
      probe: await probeSafely(accelerator),
      automatic: accelerator.capabilities.automatic ?? true,
    })),
  );
}

/** A probe that throws or hangs is an answer too: no. */
async function probeSafely(accelerator: Accelerator): Promise<Probe> {
  const fix = `it is a mistake of accelerator ${accelerator.name}: tell its author`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Probe>((resolve) => {
    const reason = `its probe gave no answer within ${PROBE_PATIENCE} ms`;
    timer = setTimeout(() => resolve({ ok: false, reason, fix }), PROBE_PATIENCE);
  });
  try {
    const answer = await Promise.race([accelerator.probe(), late]);
    if (isProbe(answer)) return answer;
    const reason = 'its probe must answer { ok: true, detail } or { ok: false, reason, fix }, all of it text';
    return { ok: false, reason, fix };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its probe failed: ${text}`, fix };
  } finally {
    clearTimeout(timer);
  }
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
  try {
    const exported: unknown = await import(module);
    const list = member(exported, 'accelerators');
    if (!Array.isArray(list) || list.length === 0) throw unfit(module, 'no such array, or an empty one');
    if (list.every(isAccelerator)) return list;
    const faults = list.map((each, index) => [`[${index}]`, faultOf(each)]);
    throw unfit(module, faults.find(([, fault]) => fault !== undefined)?.join(': ') ?? 'it changes');
  } catch (cause) {
    throw MultifdError.from(cause, 'accelerator-unavailable', `cannot load accelerator module ${module}`);
  }
}

function unfit(module: string, fault: string): MultifdError {
  return new MultifdError(
    'accelerator-unavailable',
    `${module} does not export accelerators: readonly Accelerator[] of contract version ${ACCELERATOR_SPEC_VERSION}: ${fault}`,
  );
}

function isAccelerator(value: unknown): value is Accelerator {
  return faultOf(value) === undefined;
}

/** What its author has to change first; undefined if it keeps the contract as far as can be seen from outside. */
function faultOf(value: unknown): string | undefined {
  if (member(value, 'specVersion') !== ACCELERATOR_SPEC_VERSION) {
    return `specVersion must be ${ACCELERATOR_SPEC_VERSION}`;
  }
  const name = member(value, 'name');
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]*$/.test(name)) {
    return 'name must be lower case letters, digits and "-"';
  }
  for (const method of ['probe', 'open']) {
    if (typeof member(value, method) !== 'function') return `${method} must be a function`;
  }
  const capabilities = member(value, 'capabilities');
  const batch = member(capabilities, 'preferredBatch');
  if (typeof batch !== 'number' || !Number.isInteger(batch) || batch < 1 || batch > 2 ** 20) {
    return 'capabilities.preferredBatch must be a whole number, 1 to 2^20';
  }
  const sizes = member(capabilities, 'pageSize');
  const [min, max] = [member(sizes, 'min'), member(sizes, 'max')];
  if (!isPowerOfTwo(min) || !isPowerOfTwo(max) || min > max) {
    return 'capabilities.pageSize must be { min, max }, powers of two, in bytes';
  }
  return undefined;
}

function isPowerOfTwo(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(Math.log2(value)) && value >= 1;
}

function isProbe(value: unknown): value is Probe {
  const ok = member(value, 'ok');
  const texts = ok === true ? ['detail'] : ['reason', 'fix'];
  return typeof ok === 'boolean' && texts.every((text) => typeof member(value, text) === 'string');
}

/** A member of whatever it is; undefined if it can have none. */
function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
