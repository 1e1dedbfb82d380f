/** A module, and which of its accelerators is meant; without a name, the first that can run. */
export interface NamedModule {
  readonly module: string;
  readonly name: string | undefined;
}

/** Reads `MODULE` or `MODULE:NAME`: `./two.mjs:fast`, `file:///two.mjs:gpu:software`. */
export function splitModuleName(text: string): NamedModule {
  const [, module = text, name] = /^(.+?):([a-z0-9][a-z0-9-]*(?::[a-z0-9-]+)?)$/s.exec(text) ?? [];
  return { module, name };
}
