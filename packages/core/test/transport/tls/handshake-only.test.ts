import { describe, expect, it } from 'vitest';
import { wroteOnlyHandshake } from '../../../src/transport/tls/handshake-only.js';
import { sealed } from '../../support/tls-records.js';

const SUITE = 'TLS_AES_128_GCM_SHA256';
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** RFC 8448, 3: the client's secrets, and its records. */
const HANDSHAKE = hex('b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21');
const TRAFFIC = hex('9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5');
const HELLO = hex('16030100050100000100');
const CHANGE = hex('140303000101');
const FINISHED = hex(
  '170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546',
);
const DATA = hex(
  '1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4',
);

const message = (type: number, length: number): Buffer =>
  Buffer.concat([Buffer.from([type, 0, length >> 8, length & 255]), Buffer.alloc(length, 1)]);
/** A record of the handshake. */
const shaken = (sequence: number, content: Buffer, type = 22): Buffer =>
  sealed(SUITE, HANDSHAKE, sequence, type, content);
/** A record behind it. */
const behind = (sequence: number, content: Buffer, type: number): Buffer =>
  sealed(SUITE, TRAFFIC, sequence, type, content);

describe('whether a client has written its handshake and nothing else', () => {
  const certificate = message(11, 700);
  const cases: readonly (readonly [string, readonly Buffer[], boolean])[] = [
    ['the handshake of RFC 8448', [HELLO, FINISHED], true],
    ['with a second hello, and words for middleboxes', [HELLO, CHANGE, HELLO, FINISHED], true],
    ['with its application data', [HELLO, FINISHED, DATA], false],
    ['with an alert', [HELLO, FINISHED, behind(0, hex('0100'), 21)], false],
    ['with new keys', [HELLO, FINISHED, behind(0, hex('1800000100'), 22)], false],
    ['with an alert in the clear', [HELLO, FINISHED, hex('15030300020100')], false],
    ['with a word for middleboxes behind it', [HELLO, FINISHED, CHANGE], false],
    ['with a part of a record', [HELLO, FINISHED, DATA.subarray(0, 20)], false],
    ['with a header alone', [HELLO, FINISHED, DATA.subarray(0, 3)], false],
    ['not to its end', [HELLO, FINISHED.subarray(0, -1)], false],
    ['a hello', [HELLO], false],
    ['nothing', [], false],
    ['certificates', [HELLO, shaken(0, certificate)], false],
    [
      'certificates and Finished, each a record',
      [HELLO, shaken(0, certificate), shaken(1, message(20, 32))],
      true,
    ],
    [
      'both over the bounds of records',
      [
        HELLO,
        shaken(0, Buffer.concat([certificate, message(20, 32)]).subarray(0, 710)),
        shaken(1, message(20, 32).subarray(6)),
      ],
      true,
    ],
    ['Finished in part', [HELLO, shaken(0, message(20, 32).subarray(0, 20))], false],
    [
      'Finished, and the beginning of another message',
      [HELLO, shaken(0, Buffer.concat([message(20, 32), hex('18')]))],
      false,
    ],
    [
      'Finished, and a whole message of the same key',
      [HELLO, shaken(0, message(20, 32)), shaken(1, message(24, 1))],
      false,
    ],
    [
      'a fatal alert in place of Finished',
      [HELLO, shaken(0, certificate), shaken(1, hex('022a'), 21)],
      false,
    ],
    ['a record of the handshake twice', [HELLO, FINISHED, FINISHED], false],
  ];
  it.each(cases)('%s', (_what, records, only) => {
    expect(wroteOnlyHandshake(Buffer.concat(records), SUITE, HANDSHAKE)).toBe(only);
  });

  it('with other keys, of another length, or of an unknown suite, nothing is known', () => {
    const sent = Buffer.concat([HELLO, FINISHED]);
    expect(wroteOnlyHandshake(sent, SUITE, TRAFFIC)).toBe(false);
    expect(wroteOnlyHandshake(sent, SUITE, HANDSHAKE.subarray(1))).toBe(false);
    expect(wroteOnlyHandshake(sent, 'TLS_AES_128_CCM_SHA256', HANDSHAKE)).toBe(false);
    expect(wroteOnlyHandshake(sent, 'toString', HANDSHAKE)).toBe(false);
  });
});
