/** Everything that a combination chooses; each was tested alone elsewhere. */
export interface Combination {
  readonly tracker: 'auto' | 'uffd' | 'digest' | 'marks';
  readonly backing: 'anon' | 'thp' | 'memfd' | 'file' | 'wasm';
  readonly detection: 'none' | 'legacy' | 'multifd';
  readonly compression: 'none' | 'zlib' | 'zstd' | 'auto';
  readonly channels: number;
  readonly host: 'auto' | 'none';
  /** As `--accel` takes it. */
  readonly accelerator: string;
  /** Zero pages were written once. */
  readonly populate: 'yes' | 'no';
  readonly fill: 'random' | 'text';
  /** What the guest writes in a second; 0: it stands still. */
  readonly dirty: '0' | '16M' | '256M';
  /** Share of zero pages. */
  readonly zero: number;
  readonly size: '32M' | '96M';
  /** `forbidden`: the process and its children may not use userfaultfd, as in a container. */
  readonly userfaultfd: 'allowed' | 'forbidden';
  /** `store`: it is received into a store, and migrated from there. */
  readonly through: 'nothing' | 'store';
}

/** The values of each feature on this machine, as a generator of covering arrays takes them. */
export type Features = { [Name in keyof Combination]: Combination[Name][] };

/**
 * @param accelerators those that can run here.
 * @param mapped whether host-linux can be used here.
 * @param forbids whether userfaultfd can be forbidden here.
 */
export function features(accelerators: readonly string[], mapped: boolean, forbids: boolean): Features {
  return {
    tracker: mapped ? ['auto', 'uffd', 'digest', 'marks'] : ['auto', 'marks'],
    backing: mapped ? ['anon', 'thp', 'memfd', 'file', 'wasm'] : ['wasm'],
    detection: ['none', 'legacy', 'multifd'],
    compression: ['none', 'zlib', 'zstd', 'auto'],
    channels: [1, 2, 4, 16],
    host: mapped ? ['auto', 'none'] : ['none'],
    accelerator: ['auto', ...accelerators],
    populate: ['yes', 'no'],
    fill: ['random', 'text'],
    dirty: ['0', '16M', '256M'],
    zero: [0, 0.5, 0.95],
    size: ['32M', '96M'],
    userfaultfd: forbids ? ['allowed', 'forbidden'] : ['allowed'],
    through: ['nothing', 'store'],
  };
}

/** Why the command refuses it, as its error says; undefined if it has to go through. */
export function refusal(
  combination: Pick<Combination, 'tracker' | 'backing' | 'host' | 'dirty' | 'userfaultfd'>,
) {
  const { tracker, backing, host, dirty, userfaultfd } = combination;
  if (host === 'none' && backing !== 'wasm') return /backing \w+ needs host-linux: --host is none/;
  // A guest that stands still is not tracked.
  if (dirty === '0') return undefined;
  if (backing === 'wasm' && (tracker === 'uffd' || tracker === 'digest')) {
    return /tracker \w+ cannot watch WebAssembly memory/;
  }
  if (tracker === 'uffd' && userfaultfd === 'forbidden') return /userfaultfd is not allowed here/;
  return undefined;
}

/**
 * Combinations that have lost what a guest wrote, so every run begins with them: a codec that `auto` chooses looks at pages
 * (issue 15), and a tracker by digests took that for sending. More than a pair is needed for it, and a guest that is still
 * there when `auto` looks.
 */
export function onceLost({ tracker, userfaultfd }: Features): Combination[] {
  if (!tracker.includes('digest')) return [];
  const base: Combination = {
    tracker: 'digest',
    backing: 'anon',
    detection: 'multifd',
    compression: 'auto',
    channels: 2,
    host: 'auto',
    accelerator: 'auto',
    populate: 'no',
    fill: 'text',
    dirty: '256M',
    zero: 0,
    size: '96M',
    userfaultfd: 'allowed',
    through: 'nothing',
  };
  const rows: Combination[] = [
    base,
    { ...base, backing: 'memfd', detection: 'none' },
    { ...base, backing: 'file' },
  ];
  return userfaultfd.includes('forbidden')
    ? [...rows, { ...base, tracker: 'auto', userfaultfd: 'forbidden' }]
    : rows;
}

/** The command's arguments. @param to address of a destination; without one it migrates to a process of its own. */
export function argumentsOf(combination: Combination, to?: string): string[] {
  const { tracker, backing, fill, dirty, populate, zero, size } = combination;
  const guest = [
    `demo:${size}`,
    `zero=${zero}`,
    ...(populate === 'yes' ? ['populate'] : []),
    `dirty=${dirty}`,
    `fill=${fill}`,
    `backing=${backing}`,
    `tracker=${tracker}`,
  ].join(',');
  return [
    ...['migrate', guest, ...(to === undefined ? [] : [to, '--verify'])],
    ...wordsOfSource(combination),
    // The guest may write faster than this machine sends: it is stopped when it was sent twice.
    ...['--downtime-limit', '60000'],
  ];
}

/** Of the command that receives it into a store. */
export function receiveInto(store: string, combination: Combination): string[] {
  return ['receive', 'tcp:127.0.0.1:0', store, ...wordsOfBothEnds(combination)];
}

/** Of the command that migrates it from there, to a process of its own. */
export function migrateFrom(store: string, combination: Combination): string[] {
  return ['migrate', store, ...wordsOfSource(combination)];
}

function wordsOfSource(combination: Combination): string[] {
  const { detection, accelerator } = combination;
  return ['--zero-page-detection', detection, '--accel', accelerator, ...wordsOfBothEnds(combination)];
}

function wordsOfBothEnds({ channels, compression, host }: Combination): string[] {
  return ['--channels', `${channels}`, '--compression', compression, '--host', host, '--json'];
}
