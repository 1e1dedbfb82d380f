import { isObject, type JsonObject } from '../json.js';
import { Refusal } from './refusal.js';

/** One command, as a client sends it. */
export interface Request {
  readonly execute: string;
  readonly arguments: JsonObject;
  /** Given back with the answer, whatever it is; undefined: there was none. */
  readonly id: unknown;
}

const MEMBERS = ['execute', 'arguments', 'id'];

/**
 * Reads one text. @returns the id too where only the rest is wrong: the answer bears it.
 * @throws Refusal with QEMU's words, if it is no JSON.
 */
export function readRequest(text: string): { readonly id: unknown; readonly request: Request | Refusal } {
  const value = parse(text);
  if (!isObject(value)) return { id: undefined, request: new Refusal('QMP input must be a JSON object') };
  const { id } = value;
  const other = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (other !== undefined)
    return { id, request: new Refusal(`QMP input member '${shown(other)}' is unexpected`) };
  const { execute, arguments: given = {} } = value;
  if (execute === undefined) return { id, request: new Refusal("QMP input lacks member 'execute'") };
  if (typeof execute !== 'string')
    return { id, request: new Refusal("QMP input member 'execute' must be a string") };
  if (!isObject(given)) return { id, request: new Refusal("QMP input member 'arguments' must be an object") };
  return { id, request: { execute, arguments: given, id } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('JSON parse error, invalid JSON');
  }
}

/** What a client wrote, in a message: on one line, and not without end. */
export function shown(text: string): string {
  const quoted = JSON.stringify(text).slice(1, -1);
  return quoted.length > 80 ? `${quoted.slice(0, 80)}...` : quoted;
}
