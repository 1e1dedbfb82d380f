import { MultifdError } from '../errors.js';
import { concat, u32 } from './bytes.js';
import { COMMAND, RETURN_PATH } from './layout.js';
import { encodeCommand } from './main/encode.js';
import { encodeReturnPathMessage, PING_WANTS_REASON } from './return-path.js';
import { decodeUtf8, encodeUtf8, formatUuid } from './text.js';

/** UTF-16 units of the text: the JSON then stays below 4096 bytes, at three bytes per unit. */
const MOST_TEXT = 1200;

/** How the message of an error begins that the destination gave. */
const PREFIX = 'the destination says: ';

/** What a multifd source sends to open the return path. A QEMU treats the PING as any other. */
export const RETURN_PATH_REQUEST: Uint8Array = concat(
  encodeCommand(COMMAND.OPEN_RETURN_PATH),
  encodeCommand(COMMAND.PING, u32(PING_WANTS_REASON)),
);

/**
 * REASON, type 0x4d47, which is not QEMU's: why a multifd destination fails or refuses, at most 4096 bytes of JSON.
 * Sent only to a source that has sent PING_WANTS_REASON. A long text is cut.
 * @param secret for a source that may be a stranger: the uuid that this end expects, which is left out of the text. One that
 *   was admitted has shown that it knows it.
 */
export function encodeReason(reason: MultifdError, secret?: Uint8Array): Uint8Array {
  const { code, message, hint } = reason;
  let text = hint === undefined ? message : `${message} (${hint})`;
  for (const spelling of secret === undefined
    ? []
    : [formatUuid(secret), Buffer.from(secret).toString('hex')]) {
    text = text.replaceAll(spelling, 'another');
  }
  return encodeReturnPathMessage(
    RETURN_PATH.REASON,
    encodeUtf8(JSON.stringify({ code, message: oneLine(text) })),
  );
}

/**
 * The destination's reason as an error of this end: `incompatible` if it says so, else `peer-closed`. Undefined if
 * `data` is not a reason. Never throws.
 */
export function decodeReason(data: Uint8Array): MultifdError | undefined {
  const value = parse(decodeUtf8(data));
  if (typeof value !== 'object' || value === null) return undefined;
  const message: unknown = Reflect.get(value, 'message');
  const text = typeof message === 'string' ? oneLine(message) : '';
  if (text === '') return undefined;
  const code = Reflect.get(value, 'code') === 'incompatible' ? 'incompatible' : 'peer-closed';
  // A relay passes on what its own destination says.
  return new MultifdError(code, text.startsWith(PREFIX) ? text : `${PREFIX}${text}`);
}

/** Whether this error is what the destination said. */
export function isReason({ message }: MultifdError): boolean {
  return message.startsWith(PREFIX);
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One line that cannot control a terminal: without control characters and changes of the writing direction. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return (line.length > MOST_TEXT ? `${line.slice(0, MOST_TEXT - 1)}…` : line).toWellFormed();
}
