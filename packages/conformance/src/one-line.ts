import assert from 'node:assert/strict';

/** What a user reads in one line, and is not empty. @throws AssertionError */
export function oneLine(what: string, text: string): void {
  assert.equal(typeof text, 'string', what);
  assert.ok(
    text.trim() !== '' && !/\p{Cc}/u.test(text),
    `${what} is not one line of text: ${JSON.stringify(text)}`,
  );
}
