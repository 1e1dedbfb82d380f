import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Case, heldLine, isEarly, type LineName, type Role } from './cases.ts';
import { type Keeping, keepingFor } from './keeping.ts';
import { type Hold, Line } from './line.ts';
import type { EndOutcome } from './outcome.ts';
import { Place } from './place.ts';
import { Program } from './program.ts';

const HELD_DISK = fileURLToPath(new URL('./held-disk.mjs', import.meta.url));
const GUEST = 'demo:64M,dirty=1M';
/** ms, of every end: shorter than by default, and long enough for a busy machine. */
export const SETUP_LIMIT = 10_000;
const LIMITS = ['--stall-timeout', '8000', '--setup-timeout', `${SETUP_LIMIT}`];
const IDLE = ['--idle-timeout', '10000'];
/** Always there, and nobody need choose. */
const ACCELERATOR = ['--accel', 'wasm'];
/** Bytes a second: half of the guest is zero, so that it is active for three seconds. */
const PACE = ['--max-bandwidth', '12M'];
/** Bytes behind which the guest is on its way. */
const UNDER_WAY = 2 * 2 ** 20;
/** Main and two channels. */
const CONNECTIONS = 3;
/** For whoever goes on to wait. */
const ANOTHER = 'demo:4M';
/** ms in which a state is reached, on a busy machine. */
const REACH = 60_000;

/** The source was never in the state in which the fault is to come. */
export class NotReached extends Error {}

/** Everything that runs for a case: the real commands, and a line of ours between any two. */
export class Stage {
  readonly what: Case;
  readonly place: Place;
  readonly #programs = new Map<Role, Program>();
  readonly #lines = new Map<LineName, Line>();
  #ports: number[] = [];
  /** Ends that went on to wait, and got another guest. */
  readonly #waited = new Set<Program>();
  readonly #parent: string;
  #keeping: Keeping | undefined;

  /** @param parent folder in which the case has its own. */
  constructor(what: Case, parent: string) {
    this.what = what;
    this.#parent = parent;
    this.place = new Place(parent);
  }

  get programs(): readonly Program[] {
    return [...this.#programs.values()];
  }

  get lines(): readonly Line[] {
    return [...this.#lines.values()];
  }

  /** On which somebody listened. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Where the destination keeps the guest. */
  get keeping(): Keeping {
    if (this.#keeping === undefined) throw new Error('the stage is not open');
    return this.#keeping;
  }

  program(role: Role): Program {
    const program = this.#programs.get(role);
    if (program === undefined) throw new Error(`${role}: not started`);
    return program;
  }

  line(name: LineName): Line {
    const line = this.#lines.get(name);
    if (line === undefined) throw new Error(`${name}: not open`);
    return line;
  }

  /** Starts what waits for a source, the last end first. */
  async open(): Promise<void> {
    const { what, place } = this;
    const wrap = what.fault === 'full disk' ? await place.mount() : [];
    this.#keeping = await keepingFor(what.target, place, this.#parent);
    const words = ['receive', 'tcp:127.0.0.1:0', ...this.keeping.words, ...LIMITS, ...IDLE];
    const destination = new Program('destination', words, place.env, wrap, ['--import', HELD_DISK]);
    this.#programs.set('destination', destination);
    await this.#openLine(what.relayed ? 'relay-destination' : 'source-destination', destination);
    if (!what.relayed) return;
    const to = addressOf(this.line('relay-destination'));
    const relay = new Program(
      'relay',
      ['relay', 'tcp:127.0.0.1:0', to, ...LIMITS, ...IDLE, ...ACCELERATOR],
      place.env,
    );
    this.#programs.set('relay', relay);
    await this.#openLine('source-relay', relay);
  }

  /** Starts the source, with what makes the state of the case last. */
  begin(): void {
    const { what, place } = this;
    // A store's lease is on the disk before the guest comes: see `reach`.
    if (what.state === 'device' && what.target === 'file') place.holdDisk();
    const hold = isEarly(what) ? undefined : HOLDS.get(what.state);
    if (hold !== undefined) this.line(heldLine(what)).hold(hold);
    const to = addressOf(this.line(what.relayed ? 'source-relay' : 'source-destination'));
    const pace = what.state === 'active' || this.#isHeldLate ? PACE : [];
    const words = ['migrate', GUEST, to, ...LIMITS, ...ACCELERATOR, ...pace];
    this.#programs.set('source', new Program('source', words, place.env));
  }

  /** Waits until the source, and what it has sent, is in the state of the case. @throws NotReached if that is never. */
  async reach(): Promise<void> {
    if (this.#isHeldLate) {
      await this.#reach('active');
      this.place.holdDisk();
    }
    return this.#reach(this.what.state);
  }

  get #isHeldLate(): boolean {
    return this.what.state === 'device' && this.what.target === 'store';
  }

  async #reach(state: Case['state']): Promise<void> {
    const { relayed } = this.what;
    const source = this.program('source');
    const destination = this.program('destination');
    const held = this.line(heldLine(this.what));
    const last = this.line(relayed ? 'relay-destination' : 'source-destination');
    const isThere = {
      setup: () => source.status === 'setup' && held.connections >= CONNECTIONS,
      active: () => source.status === 'active' && last.carried > UNDER_WAY,
      device: () => source.status === 'device' && destination.status === 'device',
      answered: () => source.status === 'device' && held.holdsAnswer,
      completed: () => source.status === 'completed' && held.holdsAnswer,
    } as const;
    await source.until(`the state ${state}`, isThere[state], REACH).catch((error: unknown) => {
      throw new NotReached(error instanceof Error ? error.message : String(error));
    });
  }

  /** What made the state last is over. */
  release(): void {
    this.place.releaseDisk();
    for (const line of this.lines) line.hold('nothing');
  }

  /** The source has been gone for so many ms, and some end waits for another one. */
  waits(ms: number): boolean {
    const { endedAt } = this.program('source');
    const isGone = endedAt !== undefined && Date.now() > endedAt + ms;
    return this.what.state === 'setup' && isGone && this.#firstLeft?.status === 'setup';
  }

  /** The end that is nearest to the source, of those that are left. */
  get #firstLeft(): Program | undefined {
    return this.programs.findLast(({ isOver, role }) => !isOver && role !== 'source');
  }

  /** Sends another guest to what waits. @throws Error if it is not taken. */
  async bringAnother(): Promise<void> {
    const { programs } = this;
    const first = this.#firstLeft;
    if (first === undefined) return;
    for (const each of programs) if (!each.isOver) this.#waited.add(each);
    const words = ['migrate', ANOTHER, await first.address(), ...LIMITS, ...ACCELERATOR];
    const source = new Program('source', words, this.place.env);
    try {
      await Promise.race([source.ended, setTimeout(REACH, undefined, { ref: false })]);
      const { code, stderr } = source.outcome(0, false);
      if (code !== 0)
        throw new Error(`another guest does not get in: ${String(code)}: ${stderr.join(' | ')}`);
      await Promise.race([this.ended(), setTimeout(REACH, undefined, { ref: false })]);
    } finally {
      source.signal('SIGKILL');
      await source.ended;
    }
  }

  outcomeOf(program: Program, since: number): EndOutcome {
    return { ...program.outcome(since, program.role === this.what.at), hasWaited: this.#waited.has(program) };
  }

  async ended(): Promise<void> {
    await Promise.all(this.programs.map(({ ended }) => ended));
  }

  /** Ends and removes all of it. */
  async close(): Promise<void> {
    for (const program of this.programs) program.signal('SIGKILL');
    await this.ended();
    for (const line of this.lines) line.close();
    await this.place.close();
  }

  async #openLine(name: LineName, to: Program): Promise<void> {
    const address = await to.address();
    const line = await Line.open(address);
    this.#lines.set(name, line);
    this.#ports.push(Number(address.split(':').at(-1)), line.port);
  }
}

const HOLDS: ReadonlyMap<Case['state'], Hold> = new Map([
  ['setup', 'channels'],
  ['answered', 'answer'],
  ['completed', 'behind the answer'],
]);

function addressOf({ port }: Line): string {
  return `tcp:127.0.0.1:${port}`;
}
