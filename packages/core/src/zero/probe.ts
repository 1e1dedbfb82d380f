import { MultifdError } from '../errors.js';
import { member } from '../member.js';
import type { Accelerator, AcceleratorReference, Probe } from './accelerator.js';
import type { ProbedAccelerator } from './choice.js';
import { type AcceleratorDevice, listSafely } from './device.js';
import { loadAccelerators, settingsFor } from './load.js';
import type { Settings, SettingValues } from './settings.js';
import { isOfVersion1 } from './version1.js';

/** ms that an asynchronous probe may take. A graphics card in software needs more than 5 s on a busy machine. */
export const PROBE_PATIENCE = 10_000;

/** A known accelerator. It is probed once with its defaults, on the first call of `probe`. */
export interface Candidate {
  readonly reference: AcceleratorReference;
  /** Whether `auto` may choose it. */
  readonly automatic: boolean;
  readonly memory: 'wasm' | undefined;
  readonly settings: Settings;
  readonly specVersion: 1 | 2;
  probe(): Promise<Probe>;
  /** @throws MultifdError `usage` for settings that it does not take. */
  probeWith(settings: SettingValues): Promise<Probe>;
  /** Undefined: it does not say. */
  devices(): Promise<readonly AcceleratorDevice[] | undefined>;
}

/**
 * Imports a module in this thread, without probing.
 * @throws MultifdError `accelerator-unavailable` if it cannot be loaded.
 */
export async function candidatesOf(module: string): Promise<readonly Candidate[]> {
  return (await loadAccelerators(module)).map((accelerator) => {
    const who = `accelerator ${accelerator.name}`;
    let probe: Promise<Probe> | undefined;
    const probeWith = (given: SettingValues | undefined): Promise<Probe> => {
      const settings = settingsFor(accelerator, given);
      return probeSafely(who, () => accelerator.probe(settings));
    };
    return {
      reference: referenceOf(module, accelerator),
      automatic: accelerator.capabilities.automatic ?? true,
      memory: accelerator.capabilities.memory,
      settings: accelerator.settings ?? {},
      specVersion: isOfVersion1(accelerator) ? 1 : 2,
      probe() {
        probe ??= probeWith(undefined);
        return probe;
      },
      probeWith: async (settings) => probeWith(settings),
      async devices() {
        return accelerator.list === undefined ? undefined : listSafely(who, () => accelerator.list?.());
      },
    };
  });
}

function referenceOf(module: string, { name, share }: Accelerator): AcceleratorReference {
  return share === undefined ? { module, name, shares: false } : { module, name };
}

/** A candidate that has been probed already. @param probeWith how it is probed with settings. */
export function probedBefore(
  { devices, probe, ...rest }: ProbedAccelerator,
  probeWith: Candidate['probeWith'],
): Candidate {
  return { ...rest, probe: async () => probe, probeWith, devices: async () => devices };
}

/** @param settings of all of them; undefined: their defaults. @throws MultifdError `usage` if one does not take them. */
export async function probeEach(
  candidates: readonly Candidate[],
  settings?: SettingValues,
): Promise<readonly ProbedAccelerator[]> {
  return Promise.all(
    candidates.map(async (candidate) => {
      const { reference, automatic, memory, specVersion } = candidate;
      const probe = await (settings === undefined ? candidate.probe() : candidate.probeWith(settings));
      const devices = await candidate.devices();
      const facts = { probe, automatic, memory, specVersion, settings: candidate.settings };
      return {
        reference: settings === undefined ? reference : { ...reference, settings },
        ...facts,
        ...(devices === undefined ? {} : { devices }),
      };
    }),
  );
}

/**
 * @param given what the accelerator is told.
 * @throws MultifdError `accelerator-unavailable` with the reason and what to do, if it cannot run here; `usage` for
 *   settings that it does not take.
 */
export async function requireProbe(
  accelerator: Accelerator,
  given: SettingValues | undefined,
): Promise<void> {
  const settings = settingsFor(accelerator, given);
  const answer = await probeSafely(`accelerator ${accelerator.name}`, () => accelerator.probe(settings));
  if (!answer.ok) throw cannotRun(accelerator.name, answer);
}

/** The error for an accelerator whose probe said no. */
export function cannotRun(
  name: string,
  { reason, fix }: { readonly reason: string; readonly fix: string },
): MultifdError {
  return new MultifdError('accelerator-unavailable', `accelerator ${name} cannot run here: ${reason}`, {
    hint: fix,
  });
}

/**
 * Asks an accelerator or a method whether it can run here. A probe that throws, hangs or answers nonsense counts as
 * no. Does not throw.
 * @param who its name in messages: `accelerator dsa`.
 */
export async function probeSafely(who: string, probe: () => unknown): Promise<Probe> {
  const fix = `it is a mistake of ${who}: tell its author`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Probe>((resolve) => {
    const reason = `its probe gave no answer within ${PROBE_PATIENCE} ms`;
    timer = setTimeout(() => resolve({ ok: false, reason, fix }), PROBE_PATIENCE);
  });
  try {
    const answer: unknown = await Promise.race([probe(), late]);
    if (isProbe(answer)) return bare(answer);
    const reason = 'its probe must answer { ok: true, detail } or { ok: false, reason, fix }, all of it text';
    return { ok: false, reason, fix };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its probe failed: ${text}`, fix };
  } finally {
    clearTimeout(timer);
  }
}

function isProbe(value: unknown): value is Probe {
  const ok = member(value, 'ok');
  const texts = ok === true ? ['detail'] : ['reason', 'fix'];
  return typeof ok === 'boolean' && texts.every((text) => typeof member(value, text) === 'string');
}

/** Copies only the members of the contract: others may not be cloneable to another thread. */
function bare(probe: Probe): Probe {
  return probe.ok ? { ok: true, detail: probe.detail } : { ok: false, reason: probe.reason, fix: probe.fix };
}
