import { MultifdError } from '../errors.js';
import { chooseFastest, inPlace } from './automatic.js';
import type { AcceleratorChoice, ChooseOptions, ProbedAccelerator, RefusedAccelerator } from './choice.js';
import { splitModuleName } from './module-name.js';
import { type Candidate, candidatesOf, cannotRun, probedBefore, probeEach } from './probe.js';
import { probeApart } from './probe-apart.js';
import type { Settings, SettingValues } from './settings.js';
import { isAcceleratorName } from './shape.js';

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
   * What the accelerators can be told, each by its name. Probes no registered one.
   * @param module another module; default: all that are registered.
   * @throws MultifdError `accelerator-unavailable` if it cannot be loaded.
   */
  async settings(module?: string): Promise<ReadonlyMap<string, Settings>> {
    const all = module === undefined ? await this.#known() : await this.#load(module);
    return new Map(all.map(({ reference, settings }) => [reference.name, settings]));
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
   * @param module URL, or a name that is registered.
   * @param settings what they are told; all of them must take it. `MODULE:NAME` asks one alone.
   * @throws MultifdError `accelerator-unavailable` if it cannot be loaded, or does not finish in time; `usage` for
   *   settings that are not taken.
   */
  async probe(module: string, settings?: SettingValues): Promise<readonly ProbedAccelerator[]> {
    return probeEach((await this.#asked(module)).wanted, settings);
  }

  /**
   * `auto` probes all accelerators that allow it, measures those that can run for a few milliseconds and chooses the
   * fastest; among those about as fast, the first registered. A name, or a module's URL, is used or refused: it never
   * falls through to another. Of a module's accelerators, the first that can run is chosen, or the one named behind its
   * URL: `file:///two.mjs:fast`. With settings, of those that take them.
   * @throws MultifdError `accelerator-unavailable` with the reason and what to do; `usage` for settings that are not
   *   taken.
   */
  async choose(
    requested = 'auto',
    { threads = 1, settings }: ChooseOptions = {},
  ): Promise<AcceleratorChoice> {
    if (requested === 'auto') {
      if (settings !== undefined) {
        throw new MultifdError('usage', 'accelerator auto has no settings', {
          hint: 'name the accelerator that they are for',
        });
      }
      const candidates = (await this.#known()).filter(({ automatic }) => automatic);
      return chooseFastest(await probeEach(candidates), Math.max(1, threads));
    }
    const { wanted, all } = await this.#asked(requested);
    return firstAble(wanted, all, requested, settings);
  }

  async #asked(requested: string): Promise<{ wanted: readonly Candidate[]; all: readonly Candidate[] }> {
    const isModule = requested.includes(':') && !isAcceleratorName(requested);
    const { module, name } = splitModuleName(requested);
    const all = isModule ? await this.#load(module) : await this.#known();
    const called = isModule ? name : requested;
    return {
      wanted: called === undefined ? all : all.filter((each) => each.reference.name === called),
      all,
    };
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
    return (await probeApart(module)).map((probed) => probedBefore(probed, probesApart(module, probed)));
  }
}

/** Probes once more, with settings, in a thread of its own too. */
function probesApart(module: string, { reference: { name } }: ProbedAccelerator): Candidate['probeWith'] {
  return async (settings) => {
    const [probed] = await probeApart(module, { name, settings });
    if (probed !== undefined) return probed.probe;
    throw new MultifdError('accelerator-unavailable', `${module} has no accelerator called ${name} any more`);
  };
}

/**
 * @throws MultifdError `accelerator-unavailable` if none of `wanted` can run, or there is none; `usage` if none takes
 *   the settings.
 */
async function firstAble(
  wanted: readonly Candidate[],
  all: readonly Candidate[],
  requested: string,
  settings: SettingValues | undefined,
): Promise<AcceleratorChoice> {
  const refused: RefusedAccelerator[] = [];
  let untaken: MultifdError | undefined;
  for (const candidate of wanted) {
    const { reference, memory } = candidate;
    const asked = settings === undefined ? candidate.probe() : candidate.probeWith(settings);
    const answer = await asked.catch((error: unknown) => {
      if (!MultifdError.is(error) || error.code !== 'usage') throw error;
      untaken ??= error;
      return undefined;
    });
    if (answer === undefined) continue;
    if (answer.ok) {
      const accelerator = settings === undefined ? reference : { ...reference, settings };
      const { detail } = answer;
      return { accelerator, ...inPlace(memory), detail, requested, refused, fallbacks: [] };
    }
    refused.push({ name: reference.name, reason: answer.reason, fix: answer.fix });
  }
  const [first] = refused;
  if (first !== undefined) throw cannotRun(first.name, first);
  if (untaken !== undefined) throw untaken;
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
  const reference = { module, name: module };
  const facts = { automatic: true, memory: undefined, settings: {}, specVersion: 2 } as const;
  return probedBefore({ reference, probe, ...facts }, async () => probe);
}
