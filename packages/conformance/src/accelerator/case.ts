import type { Accelerator, Probe, SettingValues } from '@multifd/core/accelerator';
import type { Random } from '../random.js';
import type { SuiteCase } from '../register.js';
import { PLACES, type Place } from './memory.js';

/** What a case gets to work with. Everything random in it comes from `random`. */
export interface CaseContext {
  readonly accelerator: Accelerator;
  /** What it is told: complete. */
  readonly settings: SettingValues;
  /** Its answer to the one `probe` before the suite. */
  readonly probe: Probe;
  /** Bytes; for a case of a page size that one, else the smallest that the accelerator can check. */
  readonly pageSize: number;
  readonly random: Random;
  /** URL of the module that exports the accelerator, if the suite was told. */
  readonly module: string | undefined;
  /** ms that one answer of an asynchronous detector may take. */
  readonly timeout: number;
  /** Detectors that the case has opened. */
  readonly opened: { close(): Promise<void> }[];
}

/** One thing that every accelerator must do. */
export type AcceleratorCase = SuiteCase<CaseContext>;

/** Page sizes in bytes that the suite tries, of those that an accelerator declares. */
export const PAGE_SIZES = [4096, 16384, 65536] as const;

type Body = (context: CaseContext) => Promise<void>;

/** A case that is tried once. Needs an accelerator that can run here. */
export function defineCase(name: string, body: Body, options: { random?: boolean } = {}): AcceleratorCase {
  return { name, random: options.random ?? false, skipped: cannotRun, run: closing(body) };
}

/**
 * A case that fails leaves the rest of its body undone: what it has opened is closed, since a device's threads would keep the
 * test run from ending.
 */
function closing(body: Body): Body {
  return async (context) => {
    const opened: CaseContext['opened'] = [];
    try {
      await body({ ...context, opened });
    } catch (error) {
      await Promise.allSettled(opened.map((each) => each.close()));
      throw error;
    }
  };
}

/** A case for each of `PAGE_SIZES`. */
export function definePageCases(
  name: string,
  body: Body,
  options: { random?: boolean } = {},
): AcceleratorCase[] {
  return PAGE_SIZES.map((pageSize) => ({
    name: `${pageSize}: ${name}`,
    random: options.random ?? false,
    skipped(context) {
      const { min, max } = context.accelerator.capabilities.pageSize;
      if (pageSize >= min && pageSize <= max) return cannotRun(context);
      return `declares page sizes from ${min} to ${max}`;
    },
    run: closing((context) => body({ ...context, pageSize })),
  }));
}

/** The same for each of `PLACES`. */
export function definePlaceCases(
  name: string,
  body: (context: CaseContext, place: Place) => Promise<void>,
  options: { random?: boolean } = {},
): AcceleratorCase[] {
  return PLACES.flatMap((place) =>
    definePageCases(`${name}${place.in}`, (context) => body(context, place), options),
  );
}

function cannotRun({ probe }: CaseContext): string | undefined {
  return probe.ok ? undefined : `cannot run here: ${probe.reason}`;
}
