import { QEMU_CAPABILITIES, type QemuCapability } from '../qmp/capabilities.js';
import type { Arguments } from './arguments.js';
import { Refusal } from './refusal.js';

/** Capabilities that a client may turn on and off. */
const SETTABLE = ['auto-converge', 'events', 'return-path'] as const;
type Settable = (typeof SETTABLE)[number];

/** The migration capabilities as a monitor has them: ours is always `multifd`; what we lack is off and stays off. */
export class Capabilities {
  readonly #state: Record<Settable, boolean>;

  /** @param given as the command line has them. */
  constructor(given: { readonly returnPath: boolean; readonly autoConverge: boolean }) {
    this.#state = { 'auto-converge': given.autoConverge, events: false, 'return-path': given.returnPath };
  }

  isOn(name: QemuCapability): boolean {
    return name === 'multifd' || (isSettable(name) && this.#state[name]);
  }

  /** Answer of `query-migrate-capabilities`. */
  list(): readonly object[] {
    return QEMU_CAPABILITIES.map((capability) => ({ capability, state: this.isOn(capability) }));
  }

  /**
   * `migrate-set-capabilities`: all of them, or none.
   * @throws Refusal for a name that QEMU does not have, and for what we cannot do.
   */
  set(given: Arguments): void {
    const wanted = given.need('capabilities', given.objects('capabilities')).map((each) => {
      const capability = each.need('capability', each.oneOf('capability', QEMU_CAPABILITIES));
      const state = each.need('state', each.boolean('state'));
      each.end();
      return { capability, state };
    });
    given.end();
    for (const { capability, state } of wanted) {
      if (capability === 'multifd' && !state)
        throw new Refusal('multifd is all that this end speaks: it is always on');
      if (state && !this.isOn(capability) && !isSettable(capability))
        throw new Refusal(`Capability '${capability}' is not supported by multifd`);
    }
    for (const { capability, state } of wanted) if (isSettable(capability)) this.#state[capability] = state;
  }
}

function isSettable(name: QemuCapability): name is Settable {
  return SETTABLE.some((each) => each === name);
}
