import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf, svgOf } from './screen.mjs';

/** As log-update writes it: a line that is overwritten, then what stays. */
const EVENTS = [
  { at: 0.1, text: '\x1b[?2026hround 1\r\n\x1b[?2026l' },
  { at: 0.2, text: '\x1b[2K\x1b[1A\x1b[2K\x1b[Ground 2\r\n' },
  { at: 0.5, text: '\x1b[2K\x1b[1A\x1b[2K\x1b[Gdone <&>\r\n' },
];

test('what was overwritten has an end, what stays has none', () => {
  assert.deepEqual(rowsOf(EVENTS)[0], [
    { text: 'round 1', from: 0.1, to: 0.2 },
    { text: 'round 2', from: 0.2, to: 0.5 },
    { text: 'done <&>', from: 0.5, to: undefined },
  ]);
});

test('a shorter text over a longer one leaves the rest of that', () => {
  assert.deepEqual(rowsOf([{ at: 0, text: 'abcdef\rxy' }])[0], [{ text: 'xycdef', from: 0, to: undefined }]);
});

test('the picture shows its last state without animations, and nothing of a text is markup', () => {
  const svg = svgOf('multifd', rowsOf(EVENTS));
  assert.match(svg, /<text [^>]*>done &#60;&#38;&#62;<set/);
  assert.match(svg, /<text [^>]*visibility="hidden">round 1</);
});

test('what it does not know is an error', () => {
  assert.throws(() => rowsOf([{ at: 0, text: '\x1b[3Z' }]), /the terminal cannot do/);
});
