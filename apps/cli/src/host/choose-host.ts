import { MultifdError } from '@multifd/core';
import { probe } from '@multifd/host-linux';

/** What `--host` takes. */
export const HOSTS = ['auto', 'linux', 'none'] as const;
export type HostName = (typeof HOSTS)[number];

/** What the operating system gives beyond Node: mapped guest memory, blocking socket I/O. */
export interface HostChoice {
  readonly requested: HostName;
  /** The package that gives it; null: Node alone. */
  readonly name: 'host-linux' | null;
  /** Its module, as a URL that any thread can import. */
  readonly module: string | undefined;
  /** Why it is not used, and what to do; undefined if it is, or nobody wants it. */
  readonly refused: { readonly reason: string; readonly fix: string } | undefined;
}

/** @throws MultifdError `host-unavailable` if it was asked for by name and is not to be had. */
export function chooseHost(requested: HostName): HostChoice {
  const nothing = { requested, name: null, module: undefined } as const;
  if (requested === 'none') return { ...nothing, refused: undefined };
  const found = probe();
  if (found.ok) {
    return {
      requested,
      name: 'host-linux',
      module: import.meta.resolve('@multifd/host-linux'),
      refused: undefined,
    };
  }
  const { reason, fix } = found;
  if (requested === 'auto') return { ...nothing, refused: { reason, fix } };
  throw new MultifdError('host-unavailable', `host linux is not available: ${reason}`, { hint: fix });
}
