import { moduleParts } from '../accelerators/find-module.js';
import { resolveModule } from '../modules/resolve-module.js';

/**
 * Core knows a module by its URL; whoever typed a path or a package looks for that. `text` with the URLs of modules that
 * were named here as they were named.
 * @param words of the command line, and the values of our environment variables.
 */
export function asTyped(
  text: string,
  words: readonly string[] = typedWords(),
  cwd: string | undefined = workingDirectory(),
): string {
  if (!text.includes('file://') || cwd === undefined) return text;
  const specifiers = words.flatMap((word) => {
    const value = word.startsWith('--') ? word.slice(word.indexOf('=') + 1) : word;
    return moduleParts(value);
  });
  return specifiers.reduce((shown, specifier) => {
    const url = urlOf(specifier, cwd);
    return url === undefined ? shown : shown.replaceAll(url, specifier);
  }, text);
}

/** Undefined if it was removed: an error must be shown nevertheless. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

function typedWords(): readonly string[] {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('MULTIFD_'));
  return [...process.argv.slice(2), ...variables.map(([, value]) => value ?? '')];
}

function urlOf(specifier: string, cwd: string): string | undefined {
  try {
    return resolveModule(specifier, cwd);
  } catch {
    // Most words name no module.
    return undefined;
  }
}
