import { accelerators } from '../dist/index.js';

/** `MULTIFD_REQUIRE_GPU=software` or `hardware`: an adapter that this machine must have, so that nothing is skipped. */
export const required = (process.env.MULTIFD_REQUIRE_GPU ?? '').split(',');

/** An accelerator of the built module, by its name. */
export function named(name: string): (typeof accelerators)[number] {
  const found = accelerators.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no accelerator ${name}`);
  return found;
}

const probe = await named('gpu:software').probe({});

/** Why the tests that need an adapter cannot run here; undefined if they can, or must. */
export const noSoftware = probe.ok || required.includes('software') ? undefined : probe.reason;
