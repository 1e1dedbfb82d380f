import type koffi from 'koffi';

/** The process's own libc, whichever it is. `reason` says why its functions cannot be called here. */
export type Libc =
  | { readonly ok: true; readonly lib: ReturnType<typeof koffi.load>; readonly errno: () => number }
  | { readonly ok: false; readonly reason: string };

let libc: Promise<Libc> | undefined;

/** Loads the foreign-function library late: few commands need it, and it is optional. */
export function loadLibc(): Promise<Libc> {
  libc ??= load();
  return libc;
}

async function load(): Promise<Libc> {
  if (process.platform !== 'linux') return { ok: false, reason: `not known how on ${process.platform}` };
  try {
    const { default: koffi } = await import('koffi');
    return { ok: true, lib: koffi.load(null), errno: () => koffi.errno() };
  } catch (error) {
    return { ok: false, reason: firstLine(error) };
  }
}

export function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
