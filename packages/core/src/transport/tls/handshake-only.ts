import { CONTENT, RECORD_HEADER, RecordOpener, splitRecords } from './record-opener.js';

/** Type of the last message of a client's handshake (RFC 8446, 4). */
const FINISHED = 20;
/** Bytes in front of a handshake's message: type and length. */
const MESSAGE_HEADER = 4;

/**
 * Whether a client of TLS 1.3 has written its handshake, to the end, and nothing behind it: then no application traffic key has
 * protected a record. On the wire the records of both look the same, so those of the handshake are opened, and behind Finished
 * there must be none.
 * @param sent all bytes that it has written to the connection.
 * @param secret the client's handshake traffic secret.
 */
export function wroteOnlyHandshake(sent: Buffer, suite: string, secret: Uint8Array): boolean {
  const opener = RecordOpener.of(suite, secret);
  if (opener === undefined) return false;
  const { records, rest } = splitRecords(sent);
  const messages = rest.length === 0 ? openMessages(records, opener) : undefined;
  opener.wipe();
  return messages !== undefined && endsWithFinished(messages);
}

/** The protected messages of a handshake; undefined if there is a record of another kind, or of other keys. */
function openMessages(records: readonly Buffer[], opener: RecordOpener): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const record of records) {
    const type = record[0];
    // The hello, once or twice, and what is written for the eyes of middleboxes.
    const isClear = type === CONTENT.handshake || type === CONTENT.changeCipherSpec;
    if (isClear && parts.length === 0) continue;
    const opened = type === CONTENT.application ? opener.open(record) : undefined;
    if (opened?.type !== CONTENT.handshake || record.length <= RECORD_HEADER) return undefined;
    parts.push(opened.content);
  }
  return Buffer.concat(parts);
}

/** Whether Finished is the last of these messages, whole, and the only one of its kind. */
function endsWithFinished(messages: Buffer): boolean {
  let last: number | undefined;
  let at = 0;
  while (last !== FINISHED && messages.length - at >= MESSAGE_HEADER) {
    last = messages[at];
    at += MESSAGE_HEADER + messages.readUIntBE(at + 1, 3);
  }
  return last === FINISHED && at === messages.length;
}
