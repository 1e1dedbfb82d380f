import { benchDocument } from './bench-document.js';
import { convertDocument } from './convert-document.js';
import { failureMembers } from './errors.js';
import { inspectDocument } from './inspect-document.js';
import { migrateDocument, newFacts } from './migrate-document.js';
import { receiveDocument } from './receive-document.js';
import { relayDocument } from './relay-document.js';

/** The document of a command line that was not understood: of its command, as far as that can be told. */
export function failedDocument(args: readonly string[], error: unknown): object {
  const [command, subcommand] = args;
  if (command === 'migrate') return migrateDocument(newFacts(null, null), error);
  if (command === 'receive') return receiveDocument({ listen: null, target: null }, error);
  if (command === 'relay') return relayDocument({ listen: null, destination: null }, error);
  if (command === 'convert') return convertDocument({ source: null, target: null }, error);
  if (command === 'inspect') return inspectDocument(null, undefined, error);
  if (command === 'bench') return benchDocument(undefined, error);
  if (command === 'store')
    return failedCommandDocument(subcommand === undefined ? command : `store ${subcommand}`, error);
  if (command === 'tls' && subcommand === 'init') return failedCommandDocument('tls init', error);
  const isAccel = command === 'accel' && (subcommand === 'list' || subcommand === 'bench');
  return failedCommandDocument(isAccel ? `accel ${subcommand}` : (command ?? null), error);
}

/** The members that every failed command has, for one that has no others. */
export function failedCommandDocument(command: string | null, error: unknown) {
  return { 'schema-version': 1, command, ...failureMembers(error) };
}
