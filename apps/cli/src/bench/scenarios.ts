import { type PageFill, randomPage, textPage } from './page-fills.js';

/** Guest memory that is measured. */
export const SCENARIOS = [
  'untouched',
  'zero',
  'half',
  'checkerboard',
  'stripes',
  'full',
  'text',
  'mixed',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What each holds, for tables and help. */
export const SCENARIO_WORDS: Readonly<Record<Scenario, string>> = {
  untouched: 'memory that was never written',
  zero: 'zeros, every page written once',
  half: 'zero and random pages, page by page in any order',
  checkerboard: 'every other page zero, the others random',
  stripes: '1 MiB of zero pages, 1 MiB of random pages, and so on',
  full: 'random bytes, no page zero',
  text: 'words of prose, logs and JSON, no page zero',
  mixed: 'half zero, a quarter text, a quarter random, page by page',
};

/** Share of pages that are not zero. */
export function contentShare(scenario: Scenario): number {
  switch (scenario) {
    case 'untouched':
    case 'zero':
      return 0;
    case 'half':
    case 'checkerboard':
    case 'stripes':
    case 'mixed':
      return 0.5;
    case 'full':
    case 'text':
      return 1;
  }
}

/** Pages of 4 KiB in one MiB. */
const STRIPE = 256;

/** What page number `page` of an image gets. Every page is written, zero pages too. */
export function pageFill(scenario: Exclude<Scenario, 'untouched'>): PageFill {
  switch (scenario) {
    case 'zero':
      return zeroPage;
    case 'half':
      return (page, number, next) => (next() % 2 === 0 ? zeroPage(page) : randomPage(page, number));
    case 'checkerboard':
      return (page, number) => (number % 2 === 0 ? zeroPage(page) : randomPage(page, number));
    case 'stripes':
      return (page, number) =>
        Math.floor(number / STRIPE) % 2 === 0 ? zeroPage(page) : randomPage(page, number);
    case 'full':
      return randomPage;
    case 'text':
      return textPage;
    case 'mixed':
      return (page, number, next) => {
        const kind = next() % 4;
        if (kind < 2) zeroPage(page);
        else if (kind === 2) textPage(page, number, next);
        else randomPage(page, number);
      };
  }
}

function zeroPage(page: Int32Array): void {
  page.fill(0);
}
