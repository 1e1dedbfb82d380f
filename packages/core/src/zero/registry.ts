import { MultifdError } from '../errors.js';
import { chooseFastest, inPlace } from './automatic.js';
import type { AcceleratorChoice, ChooseOptions, ProbedAccelerator, RefusedAccelerator } from './choice.js';
import { isAcceleratorName } from './load.js';
import { splitModuleName } from './module-name.js';
import { type Candidate, candidatesOf, cannotRun, probedBefore, probeEach } from './probe.js';
import { probeApart } from './probe-apart.js';

/**
 * The known accelerators, in order of preference. Registering is cheap and loads nothing: a module is imported once,
 * on first use, and an accelerator is probed once, when it is first asked about.
 */
export class AcceleratorRegistry {
  readonly #modules: string[] = [];
  readonly #loaded = new Map<string, Promise<readonly Candidate[]>>();

  /**
   * @param module URL of a module that exports `accelerators`; `auto` prefers the first registered. It is trusted
   *   like the program itself: imported and probed in this thread.
   */
  register(module: string): void {
    if (!this.#modules.includes(module)) this.#modules.push(module);
  }

  /** Names of all accelerators of all registered modules, in order of preference. Probes none. */
  async names(): Promise<readonly string[]> {
    return (await this.#known()).map((each) => each.reference.name);
  }

  /**
   * All accelerators of all registered modules, probed, in order of preference. A module that cannot be loaded is
   * listed under its URL, with the reason: it must not hide the others.
   */
  async list(): Promise<readonly ProbedAccelerator[]> {
    return probeEach(await this.#known());
  }

  /**
   * The accelerators of a module, probed. One that is not registered is imported in a thread of its own: a module
   * that breaks its thread is an error, and nothing of it stays behind.
   *
   * @throws MultifdError `accelerator-unavailable` if it cannot be loaded, or does not finish in time.
   */
  async probe(module: string): Promise<readonly ProbedAccelerator[]> {
    return probeEach(await this.#load(module));
  }

  /**
   * `auto` probes all accelerators that allow it, measures those that can run for a few milliseconds and chooses the
   * fastest; among those about as fast, the first registered. A name, or a module's URL, is used or refused: it never
   * falls through to another. Of a module's accelerators, the first that can run is chosen, or the one named behind its
   * URL: `file:///two.mjs:fast`.
   * @throws MultifdError `accelerator-unavailable` with the reason and what to do.
   */
  async choose(requested = 'auto', { threads = 1 }: ChooseOptions = {}): Promise<AcceleratorChoice> {
    const isModule = requested.includes(':') && !isAcceleratorName(requested);
    const { module, name } = splitModuleName(requested);
    const all = isModule ? await this.#load(module) : await this.#known();
    if (requested === 'auto') {
      const candidates = all.filter(({ automatic }) => automatic);
      return chooseFastest(await probeEach(candidates), Math.max(1, threads));
    }
    const called = isModule ? name : requested;
    const wanted = called === undefined ? all : all.filter((each) => each.reference.name === called);
    return firstAble(wanted, all, requested);
  }

  async #known(): Promise<readonly Candidate[]> {
    const load = (module: string): Promise<readonly Candidate[]> =>
      this.#load(module).catch((error: unknown) => [unloadable(module, error)]);
    return (await Promise.all(this.#modules.map(load))).flat();
  }

  #load(module: string): Promise<readonly Candidate[]> {
    const running = this.#loaded.get(module) ?? this.#loadNow(module);
    this.#loaded.set(module, running);
    return running;
  }

  async #loadNow(module: string): Promise<readonly Candidate[]> {
    if (this.#modules.includes(module)) return candidatesOf(module);
    return (await probeApart(module)).map(probedBefore);
  }
}

/** @throws MultifdError `accelerator-unavailable` if none of `wanted` can run, or there is none. */
async function firstAble(
  wanted: readonly Candidate[],
  all: readonly Candidate[],
  requested: string,
): Promise<AcceleratorChoice> {
  const refused: RefusedAccelerator[] = [];
  for (const { reference, memory, probe } of wanted) {
    const answer = await probe();
    if (answer.ok) {
      const detail = answer.detail;
      return { accelerator: reference, ...inPlace(memory), detail, requested, refused, fallbacks: [] };
    }
    refused.push({ name: reference.name, reason: answer.reason, fix: answer.fix });
  }
  const [first] = refused;
  if (first !== undefined) throw cannotRun(first.name, first);
  const unloaded = await all.find(({ reference }) => reference.name === reference.module)?.probe();
  const known = all.map((each) => each.reference.name).join(', ') || 'none';
  throw new MultifdError(
    'accelerator-unavailable',
    `no accelerator is called ${requested}; known here: ${known}`,
    unloaded === undefined || unloaded.ok ? {} : { hint: unloaded.reason },
  );
}

function unloadable(module: string, error: unknown): Candidate {
  const { message, hint } = MultifdError.from(error, 'accelerator-unavailable', module);
  const probe = { ok: false, reason: message, fix: hint ?? 'install it again for this system' } as const;
  return probedBefore({ reference: { module, name: module }, probe, automatic: true, memory: undefined });
}
