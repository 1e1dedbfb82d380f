import { MultifdError } from '../errors.js';
import { chooseFastest } from './automatic.js';
import type { AcceleratorChoice, ProbedAccelerator, RefusedAccelerator } from './choice.js';
import { probeAll } from './probe.js';
import { probeApart } from './probe-apart.js';

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
    if (requested === 'auto') return chooseFastest(await this.list());
    const isModule = requested.includes(':');
    const all = isModule ? await this.#probeModule(requested) : await this.list();
    const wanted = isModule ? all : all.filter((each) => each.reference.name === requested);
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
