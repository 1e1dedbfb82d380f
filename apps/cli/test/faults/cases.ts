/** What is done to a migration, in which state, and to whom. */
export const FAULTS = [
  'cancel',
  'kill',
  'cut',
  'delay',
  'black hole',
  'full disk',
  'no descriptors',
] as const;

/**
 * The state that the source is in, under QEMU's names. `answered` is a part of QEMU's `device`: the destination has kept the
 * guest and has said so, and its answer is under way.
 */
export const STATES = ['setup', 'active', 'device', 'answered', 'completed'] as const;

export const ROLES = ['source', 'relay', 'destination'] as const;

/** A line is named by the two ends that it connects. */
export const LINES = ['source-destination', 'source-relay', 'relay-destination'] as const;

/** Where the destination keeps the guest: a file, or a snapshot in a store that replaces another one of that name. */
export const TARGETS = ['file', 'store'] as const;

export type Fault = (typeof FAULTS)[number];
export type State = (typeof STATES)[number];
export type Role = (typeof ROLES)[number];
export type LineName = (typeof LINES)[number];
export type Target = (typeof TARGETS)[number];

export interface Case {
  readonly fault: Fault;
  readonly state: State;
  readonly at: Role | LineName;
  /** The guest goes through a relay. */
  readonly relayed: boolean;
  readonly target: Target;
}

/** As `--case` takes it. */
export function nameOf({ fault, state, at, relayed, target }: Case): string {
  const rest = [...(relayed ? ['relayed'] : []), ...(target === 'store' ? ['store'] : [])];
  return [fault.replace(' ', '-'), state, at, ...rest].join(':');
}

export function isRole(at: Role | LineName): at is Role {
  return ROLES.some((role) => role === at);
}

/** Every case. @param only cases whose name begins with it. @param targets cases with these. */
export function allCases(only = '', targets: readonly Target[] = TARGETS): readonly Case[] {
  const cases = targets.flatMap((target) => (target === 'file' ? casesWithFile() : casesWithStore()));
  return cases.filter((each) => nameOf(each).startsWith(only));
}

function casesWithFile(): readonly Case[] {
  const cases: Case[] = [];
  for (const fault of FAULTS) {
    for (const state of STATES) {
      for (const relayed of [false, true]) {
        for (const at of placesOf(fault, relayed))
          if (canHappen(fault, state)) cases.push({ fault, state, at, relayed, target: 'file' });
      }
    }
  }
  return cases;
}

/** What a line does is the same for a store; a source has to do with it only in what it is told. */
function casesWithStore(): readonly Case[] {
  return FAULTS.filter((fault) => fault !== 'delay' && fault !== 'black hole').flatMap((fault) =>
    STATES.filter((state) => canHappen(fault, state)).flatMap((state) =>
      placesOf(fault, false)
        .filter((at) => fault !== 'no descriptors' || at === 'destination')
        .map((at): Case => ({ fault, state, at, relayed: false, target: 'store' })),
    ),
  );
}

function placesOf(fault: Fault, relayed: boolean): readonly (Role | LineName)[] {
  switch (fault) {
    case 'cancel':
    case 'kill':
      return relayed ? ROLES : ['source', 'destination'];
    case 'cut':
    case 'delay':
    case 'black hole':
      return relayed ? ['source-relay', 'relay-destination'] : ['source-destination'];
    case 'full disk':
      // The others write nothing, but what `--trace` asks for.
      return ['destination'];
    case 'no descriptors':
      return relayed ? ['relay'] : ['source', 'destination'];
  }
}

/** An answer under way needs no disk and no descriptor. */
function canHappen(fault: Fault, state: State): boolean {
  return state !== 'answered' || (fault !== 'full disk' && fault !== 'no descriptors');
}

/** A disk or descriptors are short from the beginning on: `setup` is before the first connection. */
export function isEarly({ fault, state, at }: Case): boolean {
  return state === 'setup' && at !== 'source' && (fault === 'full disk' || fault === 'no descriptors');
}

/** The line that is held for a state to last: the one to the source of the end that is struck, or the line itself. */
export function heldLine({ at, relayed }: Case): LineName {
  if (!isRole(at)) return at;
  if (!relayed) return 'source-destination';
  return at === 'destination' ? 'relay-destination' : 'source-relay';
}

/**
 * Whether this end may say `either` (docs/reliability.md, docs/architecture.md): it has handed the guest over and does not
 * hear the answer; or it has told its source, and does not hear whether that has let go. It may be neither sure before.
 */
export function mayBeEither({ fault, state }: Case, role: Role): boolean {
  if (state === 'setup' || state === 'active' || fault === 'delay') return false;
  const breaks = fault === 'kill' || fault === 'cut' || fault === 'black hole';
  if (!breaks) return false;
  // A destination knows until it has told; into a hole it tells, too.
  if (role === 'destination') return state !== 'device' || fault === 'black hole';
  // A source was told once it has completed.
  return role === 'relay' || state !== 'completed';
}
