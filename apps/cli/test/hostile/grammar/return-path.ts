import {
  encodePong,
  encodeReport,
  encodeReturnPathMessage,
  encodeShut,
  PING_HAS_ZERO_RUNS,
  PING_WANTS_REASON,
  PONG_IS_MULTIFD,
  PONG_TAKES_ZERO_RUNS,
  pingOfChannels,
  RETURN_PATH,
} from '@multifd/core/wire';
import type { Random } from '@multifd/testing/random';
import { NASTY_U32, type Piece, pick, u16, u32 } from './bytes.ts';

type Variant = (random: Random) => Uint8Array;
/** Bytes of a flood: more than any buffer on the way holds. */
const FLOOD = 4 * 2 ** 20;

/** What a destination says on the return path to a source with so many channels. */
export function validAnswers(channels: number): Piece[] {
  return [
    { what: 'pong', bytes: encodePong(1) },
    { what: 'pong', bytes: Buffer.concat([encodePong(PONG_IS_MULTIFD), encodePong(PING_WANTS_REASON)]) },
    {
      what: 'pong',
      bytes: Buffer.concat([encodePong(PONG_TAKES_ZERO_RUNS), encodePong(PING_HAS_ZERO_RUNS)]),
    },
    { what: 'pong', bytes: encodePong(pingOfChannels(channels)) },
    { what: 'shut', bytes: encodeShut(0) },
  ];
}

const flood = (message: Uint8Array): Uint8Array => {
  const bytes = Buffer.alloc(Math.floor(FLOOD / message.length) * message.length);
  for (let at = 0; at < bytes.length; at += message.length) bytes.set(message, at);
  return bytes;
};
const reason = (text: string): Uint8Array => encodeReturnPathMessage(RETURN_PATH.REASON, Buffer.from(text));
const REASONS = [
  '{"code":"incompatible","message":"no"}',
  '{"code":"internal","message":"multifd: completed\\nhint: start the guest"}',
  '{"code":{"toString":1},"message":"x"}',
  '{"code":"incompatible","message":{"toString":1}}',
  '{"__proto__":{"message":"inherited"}}',
  '{"code":"incompatible","message":"\\u001b[2J\\u202e"}',
  `${'['.repeat(4000)}`,
  `{"message":"${'\\ud800'.repeat(600)}"}`,
  'null',
  '',
];
const REPORTS = [
  '{}',
  'null',
  '{"blocks":{"__proto__":[]}}',
  '{"schema-version":1e999,"blocks":[{"name":{"toString":1},"digest":[]}]}',
  `${'['.repeat(60_000)}`,
  `{"blocks":[${Array.from({ length: 9000 }, () => '{}').join()}]}`,
  '{"error":"a\\nmultifd: verified"}',
];

/** By the name of a production: what a hostile destination says in its place, or beside it. */
export const HOSTILE_ANSWERS: Readonly<Record<string, readonly Variant[]>> = {
  pong: [
    (random) => encodePong(pick(random, NASTY_U32)),
    () => flood(encodePong(0)),
    () => flood(encodePong(pingOfChannels(1))),
    () => flood(reason(REASONS[0] ?? '')),
    () => flood(encodeReport(Buffer.alloc(65_535, 0x20))),
    (random) => reason(pick(random, REASONS)),
    (random) => encodeReport(Buffer.from(pick(random, REPORTS))),
    (random) => encodeReturnPathMessage(random.int(10), random.bytes(random.int(20))),
    (random) =>
      Buffer.concat([
        u16(pick(random, [1, 2, 7, 0x4d46, 0x4d47])),
        u16(pick(random, [0, 3, 5, 4097, 0xffff])),
      ]),
    () => encodeReturnPathMessage(RETURN_PATH.SWITCHOVER_ACK, new Uint8Array(0)),
    () => encodeShut(0),
    (random) => random.bytes(500),
  ],
  shut: [
    (random) => encodeShut(pick(random, NASTY_U32)),
    () => flood(encodeShut(0)),
    (random) => Buffer.concat([encodeShut(0), encodeReport(Buffer.from(pick(random, REPORTS)))]),
    () => Buffer.concat([encodeShut(0), flood(encodeReport(Buffer.from('{}')))]),
    () => Buffer.concat([encodeShut(0), encodeShut(1)]),
    (random) => Buffer.concat([u16(1), u16(pick(random, [0, 3, 5, 0xffff])), u32(0)]),
  ],
};
