/** Guests that are kept at rest: which of their pages have content, and which change. Pure: figures to figures. */
import type { Random } from '../../src/bench/text-page.ts';

export const PAGE = 4096;
export const MIB = 2 ** 20;
/**
 * Pages of content that follow each other, on average: 2 MiB. A QEMU has its memory in huge pages of 2 MiB where it can, so that
 * shorter runs, far apart, would take many times their length.
 */
export const MEAN_RUN = 512;
/** Share of the pages with content that a guest writes between its first snapshot and the later one. */
export const CHANGED = 0.01;
/** What a PC has below 1 MiB is not all RAM: nothing is compared there. */
const FIRST_MIB = MIB / PAGE;

/** A guest of which `content` bytes are text, and all others were never written. */
export interface RestGuest {
  /** Bytes, a multiple of 1 MiB. */
  readonly size: number;
  /** Bytes, a multiple of 2 MiB. */
  readonly content: number;
}

/** Pages with content, one behind the other. */
export interface Run {
  readonly first: number;
  readonly pages: number;
}

/** What a guest and its runs are measured with. */
export interface Plan {
  readonly guest: RestGuest;
  readonly runs: number;
}

/** What the issue asks for. */
export const PLANS: readonly Plan[] = [
  { guest: { size: 100 * 1024 * MIB, content: 1024 * MIB }, runs: 3 },
  { guest: { size: 4096 * MIB, content: 2048 * MIB }, runs: 5 },
];

/** Of a guest that is named. */
const USUAL_RUNS = 5;

/**
 * What the command line asks for. @param guests each as `parseGuest` reads it; undefined: those of docs/benchmarks.md. @param runs of
 * each; undefined: as many as usual.
 * @throws Error in one line, for what is no guest or no number of runs.
 */
export function plansOf(guests: readonly string[] | undefined, runs: string | undefined): readonly Plan[] {
  const plans = guests?.map((text) => ({ guest: parseGuest(text), runs: USUAL_RUNS })) ?? PLANS;
  if (runs === undefined) return plans;
  if (!/^[1-9]\d{0,3}$/.test(runs)) throw new Error(`--runs ${runs}: give a number from 1 to 9999`);
  return plans.map(({ guest }) => ({ guest, runs: Number(runs) }));
}

/** Reads `SIZE:CONTENT`, both in MiB. @throws Error in one line, for what is no guest. */
export function parseGuest(text: string): RestGuest {
  const [, size, content] = /^(\d{1,8}):(\d{1,8})$/.exec(text) ?? [];
  const guest = { size: Number(size) * MIB, content: Number(content) * MIB };
  const hasWholeRuns = guest.content > 0 && guest.content % (MEAN_RUN * PAGE) === 0;
  if (!(hasWholeRuns && guest.size >= 2 * guest.content)) {
    throw new Error(
      `--guest ${text}: give SIZE:CONTENT in MiB, the content even and at most half of the size`,
    );
  }
  return guest;
}

/**
 * Where a guest has content: its pages are divided into as many equal parts as there are runs, and in each part lies one
 * run, anywhere. Runs have 1 to 1023 pages; two neighbours have 1024 together.
 */
export function runsOf({ size, content }: RestGuest, next: Random): Run[] {
  const count = content / PAGE / MEAN_RUN;
  const part = Math.floor(size / PAGE / count);
  let pages = MEAN_RUN;
  return Array.from({ length: count }, (_, index) => {
    // An odd one at the end would have no neighbour.
    const isSecond = index % 2 === 1;
    if (isSecond) pages = 2 * MEAN_RUN - pages;
    else pages = index === count - 1 ? MEAN_RUN : 1 + (next() % (2 * MEAN_RUN - 1));
    return { first: index * part + (next() % (part - pages + 1)), pages };
  });
}

/** The pages that are written, in the order of their addresses: single ones, anywhere in the content. */
export function changedPages(runs: readonly Run[], share: number, next: Random): number[] {
  const content = runs.flatMap(({ first, pages }) =>
    Array.from({ length: pages }, (_, index) => first + index),
  );
  const count = Math.max(1, Math.round(content.length * share));
  const chosen = new Set<number>();
  while (chosen.size < count) {
    const page = content[next() % content.length];
    if (page !== undefined) chosen.add(page);
  }
  return [...chosen].toSorted((a, b) => a - b);
}

/** Some of `pages`, evenly, that are RAM on any PC. */
export function somePages(pages: readonly number[], most: number): number[] {
  const ram = pages.filter((page) => page >= FIRST_MIB);
  const step = Math.max(1, Math.ceil(ram.length / most));
  return ram.filter((_, index) => index % step === 0);
}

/** Where a page of `pc.ram` is in the address space of a q35: RAM beyond 2 GiB lies above 4 GiB, if the guest has 2.75 GiB or more. */
export function addressOf(page: number, size: number): number {
  const offset = page * PAGE;
  const below = size >= 0xb000_0000 ? 0x8000_0000 : size;
  return offset < below ? offset : offset - below + 0x1_0000_0000;
}

/** Bytes of memory that a contender touches: what the page cache keeps of a guest's content, and in a restore the content itself. */
export function touchedBy({ content }: RestGuest, isRestore: boolean): number {
  return (isRestore ? 2 : 1) * content + Math.min(512 * MIB, content);
}
