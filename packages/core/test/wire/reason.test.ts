import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import { decodeReason, encodeReason, RETURN_PATH_REQUEST } from '../../src/wire/reason.js';

const UUID = Uint8Array.from({ length: 16 }, (_, index) => 16 * index + 15);
const DASHED = '0f1f2f3f-4f5f-6f7f-8f9f-afbfcfdfefff';
const HEADER = 4;

/** Data of the message that this error becomes, checked against its header. */
function dataOf(error: MultifdError): Uint8Array {
  const bytes = encodeReason(error, UUID);
  const { length } = bytes;
  expect([...bytes.subarray(0, HEADER)]).toEqual([
    0x4d,
    0x47,
    (length - HEADER) >> 8,
    (length - HEADER) & 0xff,
  ]);
  expect(length - HEADER).toBeLessThanOrEqual(4096);
  return bytes.subarray(HEADER);
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('what a destination says', () => {
  it('is its code, its message and its hint, in one line', () => {
    const error = new MultifdError('incompatible', 'RAM: too much', { hint: 'allow more' });
    expect(Buffer.from(dataOf(error)).toString()).toBe(
      '{"code":"incompatible","message":"RAM: too much (allow more)"}',
    );
    expect(decodeReason(dataOf(error))).toMatchObject({
      code: 'incompatible',
      message: 'the destination says: RAM: too much (allow more)',
      hint: undefined,
      guest: undefined,
    });
  });

  it('never has the uuid that it expects, however that is written', () => {
    const hex = DASHED.replaceAll('-', '');
    const error = new MultifdError('incompatible', `uuid: expected ${DASHED}, got 0`, { hint: hex });
    const text = Buffer.from(dataOf(error)).toString();
    expect(text).not.toMatch(/0f1f2f3f/i);
    expect(text).toContain('uuid: expected another, got 0 (another)');
  });

  it('has it for a source that has shown that it knows it', () => {
    const bytes = encodeReason(new MultifdError('incompatible', `expected 0, got ${DASHED}`));
    expect(Buffer.from(bytes).toString()).toContain(`got ${DASHED}`);
  });

  it('fits, whatever it is, and is well-formed', () => {
    const texts = ['x', '"', '\\', '\u20ac', '\u{1f600}', '\ud800', '\u0000', 'a\u{1f600}'];
    for (const text of texts) {
      const error = new MultifdError('io', `no: ${text.repeat(20_000)}`, { hint: text.repeat(5000) });
      expect(decodeReason(dataOf(error))?.message, text).toMatch(/^the destination says: no:/);
    }
  });

  it('is passed on by a relay without being quoted twice', () => {
    const heard = decodeReason(json({ code: 'incompatible', message: 'no' }));
    if (heard === undefined) throw new Error('no reason');
    expect(decodeReason(dataOf(heard))).toMatchObject({ code: heard.code, message: heard.message });
  });

  it('is asked for by OPEN_RETURN_PATH and a PING of 0x4d460001', () => {
    expect(Buffer.from(RETURN_PATH_REQUEST).toString('hex')).toBe('0800010000' + '0800020004' + '4d460001');
  });
});

describe('what a source takes for a reason', () => {
  it.each([
    ['no more than a text', { message: 'no' }, 'peer-closed', 'no'],
    ['another code', { code: 'usage', message: 'no' }, 'peer-closed', 'no'],
    ['a code that is no text', { code: { a: 1 }, message: 'no' }, 'peer-closed', 'no'],
    [
      'other keys',
      { code: 'incompatible', message: 'no', guest: 'destination', hint: 'x' },
      'incompatible',
      'no',
    ],
    ['several lines', { message: 'no\r\n{"status":1}\u0085x' }, 'peer-closed', 'no {"status":1} x'],
    ['escape sequences', { message: 'no\u001b[2J\u009b1mx' }, 'peer-closed', 'no [2J 1mx'],
    ['changes of direction', { message: 'a\u202egnp\u2066b\u2028c\ufeffd' }, 'peer-closed', 'a gnp b c d'],
    ['half a character', { message: 'a\ud83db' }, 'peer-closed', 'a b'],
  ])('%s', (_what, value, code, message) => {
    const reason = decodeReason(json(value));
    expect(reason?.code).toBe(code);
    expect(reason?.message).toBe(`the destination says: ${message}`);
    expect(reason?.hint).toBeUndefined();
    expect(reason?.guest).toBeUndefined();
  });

  it('a long text is cut', () => {
    expect(decodeReason(json({ message: 'x'.repeat(4000) }))?.message.length).toBeLessThan(1300);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['no JSON', Buffer.from('no')],
    ['no UTF-8', Buffer.from('{"message":"\xff"}', 'latin1')],
    ['deep nesting', Buffer.from('['.repeat(4096))],
    ['null', json(null)],
    ['a number', json(7)],
    ['an array', json(['no'])],
    ['no message', json({ code: 'io' })],
    ['a message that is no text', json({ message: { toString: 'no' } })],
    ['a message of blanks', json({ message: ' \n\u202e\u200b' })],
    ['an empty message', json({ message: '' })],
  ])('not %s', (_what, data) => {
    expect(decodeReason(data)).toBeUndefined();
  });
});
