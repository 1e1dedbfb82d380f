import type { AcceleratorReference } from '../engine/api.js';
import { MultifdError } from '../errors.js';
import type { Accelerator, Probe } from './accelerator.js';
import { measureRates, rateOfThread } from './calibrate.js';
import { isAcceleratorName, loadAccelerators } from './load.js';

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
  /** Of `auto`: who goes on if the accelerator fails in the middle, next best first. Empty if it was asked for. */
  readonly fallbacks: readonly AcceleratorReference[];
  /** What `auto` measured here just now, fastest first; absent if it had no choice, or was not asked. */
  readonly measured?: readonly MeasuredAccelerator[];
}

export interface MeasuredAccelerator {
  readonly name: string;
  /** Of guest memory, three quarters zero, all of it populated, for one thread; a shared device's part of it. */
  readonly bytesPerSecond: number;
}

/** An accelerator of a known module, with its answer to `probe`. */
export interface ProbedAccelerator {
  readonly reference: AcceleratorReference;
  readonly probe: Probe;
  /** Whether `auto` may take it. */
  readonly automatic: boolean;
}

export interface ChooseOptions {
  /** Threads that will check at the same time: a device that they share does a part of its work for each. Default 1. */
  readonly threads?: number;
}

/** One that is known here. Whether it can run is asked when somebody wants to know. */
interface Candidate {
  readonly reference: AcceleratorReference;
  /** Undefined for a module that cannot be loaded; `probe` then says why. */
  readonly accelerator: Accelerator | undefined;
  readonly automatic: boolean;
  probe(): Promise<Probe>;
}

/**
 * The accelerators that are known here, in order of preference. Registering is cheap and loads nothing; a
 * module is imported once, when the choice is made, and each probe's answer is kept.
 */
export class AcceleratorRegistry {
  readonly #modules: string[] = [];
  readonly #loaded = new Map<string, Promise<readonly Candidate[]>>();

  /** @param module URL of a module that exports `accelerators`; the first registered is preferred by `auto`. */
  register(module: string): void {
    if (!this.#modules.includes(module)) this.#modules.push(module);
  }

  /** Names of every accelerator of every registered module, in order of preference. Probes none. */
  async names(): Promise<readonly string[]> {
    return (await this.#known()).map((each) => each.reference.name);
  }

  /**
   * Every accelerator of every registered module, probed, in order of preference. A module that cannot be loaded
   * is listed under its URL, with the reason: it must not take the others away.
   */
  async list(): Promise<readonly ProbedAccelerator[]> {
    return probeAll(await this.#known());
  }

  /**
   * `auto` asks all that leave themselves to it, measures those that can run for a few milliseconds and takes the
   * fastest; of those that are as fast, the one that was registered first. A name, or the URL of a module, is used or
   * refused: it never falls through to another. Of a module's accelerators the first that can run is taken.
   * @throws MultifdError `accelerator-unavailable` with the reason and what to do.
   */
  async choose(requested = 'auto', options: ChooseOptions = {}): Promise<AcceleratorChoice> {
    const isModule = requested.includes(':') && !isAcceleratorName(requested);
    const all = isModule ? await this.#load(requested) : await this.#known();
    if (requested === 'auto') {
      const candidates = all.filter(({ automatic }) => automatic);
      const fastest = await chooseFastest(candidates, Math.max(1, options.threads ?? 1));
      return fastest ?? firstAble(candidates, all, requested);
    }
    const wanted = isModule ? all : all.filter((each) => each.reference.name === requested);
    return firstAble(wanted, all, requested);
  }

  async #known(): Promise<readonly Candidate[]> {
    const load = (module: string): Promise<readonly Candidate[]> =>
      this.#load(module).catch((error: unknown) => [unloadable(module, error)]);
    return (await Promise.all(this.#modules.map(load))).flat();
  }

  #load(module: string): Promise<readonly Candidate[]> {
    const running = this.#loaded.get(module) ?? loadCandidates(module);
    this.#loaded.set(module, running);
    return running;
  }
}

/** @throws MultifdError `accelerator-unavailable` if none of `wanted` can run, or there is none. */
async function firstAble(
  wanted: readonly Candidate[],
  all: readonly Candidate[],
  requested: string,
): Promise<AcceleratorChoice> {
  const refused: RefusedAccelerator[] = [];
  for (const { reference, probe } of wanted) {
    const answer = await probe();
    if (answer.ok)
      return { accelerator: reference, detail: answer.detail, requested, refused, fallbacks: [] };
    refused.push({ name: reference.name, reason: answer.reason, fix: answer.fix });
  }
  const [first] = refused;
  if (first !== undefined) {
    throw new MultifdError(
      'accelerator-unavailable',
      `accelerator ${first.name} cannot run here: ${first.reason}`,
      { hint: first.fix },
    );
  }
  const unloaded = await all.find(({ accelerator }) => accelerator === undefined)?.probe();
  const known = all.map((each) => each.reference.name).join(', ') || 'none';
  throw new MultifdError(
    'accelerator-unavailable',
    `no accelerator is called ${requested}; known here: ${known}`,
    unloaded === undefined || unloaded.ok ? {} : { hint: unloaded.reason },
  );
}

function unloadable(module: string, error: unknown): Candidate {
  const { message, hint } = MultifdError.from(error, 'accelerator-unavailable', module);
  const probe: Probe = { ok: false, reason: message, fix: hint ?? 'install it again for this system' };
  return {
    reference: { module, name: module },
    accelerator: undefined,
    automatic: true,
    probe: () => Promise.resolve(probe),
  };
}

/** @returns undefined if none can run. */
async function chooseFastest(
  candidates: readonly Candidate[],
  threads: number,
): Promise<AcceleratorChoice | undefined> {
  const refused: RefusedAccelerator[] = [];
  const able: { reference: AcceleratorReference; detail: string; accelerator: Accelerator }[] = [];
  const probes = await Promise.all(candidates.map(({ probe }) => probe()));
  candidates.forEach(({ reference, accelerator }, index) => {
    const answer = probes[index];
    if (answer?.ok === true && accelerator !== undefined)
      able.push({ reference, detail: answer.detail, accelerator });
    else if (answer?.ok === false)
      refused.push({ name: reference.name, reason: answer.reason, fix: answer.fix });
  });
  const [only] = able;
  if (only === undefined) return undefined;
  if (able.length === 1) {
    return { accelerator: only.reference, detail: only.detail, requested: 'auto', refused, fallbacks: [] };
  }
  const rates = await measureRates(able.map(({ accelerator }) => accelerator));
  const measured = able.flatMap((each, index) => {
    const rate = rates[index];
    if (rate !== undefined && 'bytesPerSecond' in rate) {
      return [
        { ...each, bytesPerSecond: Math.round(rateOfThread(each.accelerator, rate.bytesPerSecond, threads)) },
      ];
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
  const sorted = measured.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond);
  return {
    accelerator: chosen.reference,
    detail: chosen.detail,
    requested: 'auto',
    refused,
    fallbacks: sorted.filter((each) => each !== chosen).map(({ reference }) => reference),
    measured: sorted.map(({ reference, bytesPerSecond }) => ({ name: reference.name, bytesPerSecond })),
  };
}

async function loadCandidates(module: string): Promise<readonly Candidate[]> {
  return (await loadAccelerators(module)).map((accelerator) => {
    let probe: Promise<Probe> | undefined;
    return {
      reference: { module, name: accelerator.name },
      accelerator,
      automatic: accelerator.capabilities.automatic ?? true,
      probe() {
        probe ??= probeSafely(accelerator);
        return probe;
      },
    };
  });
}

async function probeAll(candidates: readonly Candidate[]): Promise<readonly ProbedAccelerator[]> {
  return Promise.all(
    candidates.map(async ({ reference, automatic, probe }) => ({
      reference,
      automatic,
      probe: await probe(),
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
    return await Promise.race([accelerator.probe(), late]);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its probe failed: ${text}`, fix };
  } finally {
    clearTimeout(timer);
  }
}
