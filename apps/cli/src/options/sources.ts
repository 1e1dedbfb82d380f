import { MultifdError } from '@multifd/core';
import { type Backing, parseBacking } from './backing.js';
import { parseSize, parseWhole, quote } from './sizes.js';
import { parseStorePlace, type StorePlace } from './store-place.js';
import { didYouMean, suggestion } from './suggest.js';

/** What is to migrate. */
export type Source = DemoSource | RawSource | FileSource | StoreSource;

/** A guest made up here. */
export interface DemoSource {
  readonly kind: 'demo';
  /** Bytes of its `pc.ram`: a multiple of 4096, 4096 to 2^46. */
  readonly size: number;
  /** Share of zero pages, 0 to 1. */
  readonly zero: number;
  /** Zero pages were written once with zeros, instead of never being touched. */
  readonly populate: boolean;
  /** Bytes a second that its vCPU writes; 0: it stands still. */
  readonly dirty: number;
  readonly fill: Fill;
  /** 0 to 2^32-1. The same seed gives the same memory. */
  readonly seed: number;
  /** Undefined: what this machine does best. */
  readonly backing?: Backing;
  /** How writes of its vCPU are seen. */
  readonly tracker: TrackerName;
}

/** `marks`: the vCPU marks what it writes. The others are trackers of host-linux; `auto` takes the best there is. */
export type TrackerName = (typeof TRACKERS)[number];
const TRACKERS = ['auto', 'marks', 'uffd', 'soft-dirty', 'digest'] as const;

export type Fill = 'random' | 'text';

/** RAM images on disk. */
export interface RawSource {
  readonly kind: 'raw';
  readonly path: string;
}

/** A guest that lies in QEMU's mapped-ram migration file. */
export interface FileSource {
  readonly kind: 'file';
  /** With `,offset=N` behind it, if that was said. */
  readonly path: string;
}

/** A snapshot in a store. */
export interface StoreSource extends StorePlace {
  readonly kind: 'store';
}

export const DEMO_DEFAULTS = {
  zero: 0.5,
  populate: false,
  dirty: 0,
  fill: 'random',
  seed: 1,
  tracker: 'auto',
} as const;
export const DEMO_PAGE_SIZE = 4096;

const HINT =
  'write demo:SIZE[,zero=F][,populate][,dirty=RATE][,fill=random|text][,seed=N][,backing=auto|anon|thp|memfd|file|wasm][,tracker=NAME], raw:FILE, raw:DIR, file:FILE or store:DIR#NAME';

const KINDS = ['demo', 'raw', 'file', 'store'];
const SETTINGS = ['zero', 'populate', 'dirty', 'fill', 'seed', 'backing', 'tracker'];

/** @throws MultifdError `usage` that says what is wrong and what would be right. */
export function parseSource(text: string): Source {
  if (text.startsWith('store:')) return { kind: 'store', ...parseStorePlace(text, 'source') };
  const [, kind] = /^(raw|file):/.exec(text) ?? [];
  if (kind === 'raw' || kind === 'file') {
    const path = text.slice(kind.length + 1);
    if (path === '' || path.includes('\0')) {
      throw new MultifdError('usage', `source ${quote(text)}: no path`, { hint: `write ${kind}:FILE` });
    }
    return { kind, path };
  }
  if (text === 'demo' || text.startsWith('demo:')) return parseDemo(text.slice(5));
  const [word = ''] = text.split(':');
  if (word === 'tcp' || word === 'unix' || text === 'loopback') {
    throw new MultifdError('usage', `source ${quote(text)}: that is a destination, which comes second`, {
      hint: `write what to send first: multifd migrate demo:1G ${text}`,
    });
  }
  const meant = suggestion(word, KINDS);
  throw new MultifdError('usage', `source ${quote(text)}: not understood`, {
    hint: meant === undefined ? HINT : `did you mean ${meant}:${text.slice(word.length + 1)}?`,
  });
}

function parseDemo(text: string): DemoSource {
  const [sizeText = '', ...settings] = text.split(',');
  const size = parseSize(sizeText === '' ? '1G' : sizeText, 'demo: size');
  if (size < DEMO_PAGE_SIZE || size > 2 ** 46 || size % DEMO_PAGE_SIZE !== 0) {
    throw new MultifdError(
      'usage',
      `demo: the size must be a multiple of 4096, at least 4K, got ${quote(sizeText)}`,
    );
  }
  let source: DemoSource = { kind: 'demo', size, ...DEMO_DEFAULTS };
  const seen = new Set<string>();
  for (const setting of settings) {
    const cut = setting.indexOf('=');
    const name = cut < 0 ? setting : setting.slice(0, cut);
    if (seen.has(name)) throw new MultifdError('usage', `demo: ${name} is there twice`);
    seen.add(name);
    source = { ...source, ...parseSetting(name, cut < 0 ? undefined : setting.slice(cut + 1)) };
  }
  return source;
}

function parseSetting(name: string, value: string | undefined): Partial<DemoSource> {
  switch (name) {
    case 'zero':
      return { zero: parseShare(given(name, value)) };
    case 'populate':
      if (value !== undefined) throw new MultifdError('usage', 'demo: populate takes no value');
      return { populate: true };
    case 'dirty':
      return { dirty: parseSize(given(name, value), 'demo: dirty') };
    case 'fill':
      return { fill: parseFill(given(name, value)) };
    case 'seed':
      return { seed: parseWhole(given(name, value), 'demo: seed', 0, 2 ** 32 - 1) };
    case 'backing':
      return { backing: parseBacking(given(name, value), 'demo: backing') };
    case 'tracker':
      return { tracker: parseTracker(given(name, value)) };
    default:
      throw new MultifdError('usage', `demo: unknown setting ${quote(name)}`, {
        hint: didYouMean(name, SETTINGS, HINT),
      });
  }
}

function given(name: string, value: string | undefined): string {
  if (value === undefined || value === '')
    throw new MultifdError('usage', `demo: ${name} needs a value`, { hint: HINT });
  return value;
}

function parseShare(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new MultifdError('usage', `demo: zero must be a number from 0 to 1, got ${quote(text)}`);
}

function parseFill(text: string): Fill {
  if (text === 'random' || text === 'text') return text;
  throw new MultifdError('usage', `demo: fill must be random or text, got ${quote(text)}`);
}

function parseTracker(text: string): TrackerName {
  const found = TRACKERS.find((tracker) => tracker === text);
  if (found !== undefined) return found;
  throw new MultifdError('usage', `demo: tracker must be one of ${TRACKERS.join(', ')}, got ${quote(text)}`);
}
