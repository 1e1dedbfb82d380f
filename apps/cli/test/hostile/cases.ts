/** What a hostile stream or file goes into: the engine in a process of ours, or the command as one types it. */
export const KINDS = ['inspect', 'file', 'receive', 'relay', 'destination', 'store'] as const;
export const COMMANDS = [
  'cli-inspect',
  'cli-diff',
  'cli-convert',
  'cli-migrate-file',
  'cli-receive-raw',
  'cli-receive-file',
  'cli-destination',
  'cli-store',
] as const;

export type Kind = (typeof KINDS)[number];
export type CommandKind = (typeof COMMANDS)[number];

/** All that repeats a case. */
export interface Case {
  readonly kind: Kind | CommandKind;
  /** Of the run. */
  readonly seed: number;
  readonly index: number;
  /** Numbers of the twists that are applied; all of them without. */
  readonly keep?: readonly number[];
}

/** What became of a case. */
export interface Outcome {
  /** Hostile changes that were made. */
  readonly twists: readonly string[];
  /** How it ended, for the count: an error's code, `completed`, `waited`. */
  readonly end: string;
  /** What no hostile bytes may bring about, one line each. */
  readonly faults: readonly string[];
}

/** As `--case` takes it. */
export function nameOf({ kind, index, keep }: Case): string {
  return `${kind}:${index}${keep === undefined ? '' : `:${keep.join('+')}`}`;
}

/** @throws Error for what is no case. */
export function parseCase(text: string, seed: number): Case {
  const [name = '', index = '', keep] = text.split(':');
  const kind = [...KINDS, ...COMMANDS].find((each) => each === name);
  const numbers = keep === undefined || keep === '' ? [] : keep.split('+').map(Number);
  if (kind === undefined || !/^\d+$/.test(index) || !numbers.every(Number.isInteger)) {
    throw new Error(`--case ${text}: must be KIND:NUMBER or KIND:NUMBER:TWIST+TWIST, as a failure names it`);
  }
  return { kind, seed, index: Number(index), ...(keep === undefined ? {} : { keep: numbers }) };
}

export function isCommand(kind: Kind | CommandKind): kind is CommandKind {
  return COMMANDS.some((each) => each === kind);
}

/** A seed for this case alone: the same whatever ran before it. */
export function seedOf({ kind, seed, index }: Case): number {
  let mixed = seed >>> 0;
  for (const char of `${kind.replace('cli-', '')}:${index}`)
    mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x0100_0193) >>> 0;
  return mixed;
}
