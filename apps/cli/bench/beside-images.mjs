/** Guest memory for the comparison with QEMU: the same file on both sides. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { PAGE } from './figures.mjs';

/** Words of English prose and of what guests have in memory: logs, paths, JSON. */
const WORDS =
  'the of and a to in is was he for it with as his on be at by had not are but from or have an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years much where your way down should because long each just state those people too mr how little good make very still see own work such here get both between life being under three never know same last another while us might great go come since against right came take used himself few house american use place during high without again home around small however found mrs part school thought went say general once upon war every does got united left number course until always away something fact water though public less put think almost hand enough took far head yet government system set better night told nothing end why called eyes find going look asked later point knew next program city business give group toward young let days room within children side social given present several order national second possible rather per face among form often things looking early white case become large big need four felt along god saw best church ever least power development light thing family interest seemed want members mind country area others turn done door problem kernel: systemd[1]: started session user nginx GET /index.html HTTP/1.1 200 INFO WARN ERROR {"id": "name": "value": true, false, null, 0x00007fff /usr/lib/x86_64-linux-gnu/libc.so.6 malloc free read write'.split(
    ' ',
  );

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

function fillText(page, next) {
  for (let at = 0; at < page.length; ) {
    const word = WORDS[next() % WORDS.length];
    at += page.write(`${word}${next() % 12 === 0 ? '\n' : ' '}`, at, 'latin1');
  }
}

function fillRandom(page, next) {
  for (let at = 0; at < page.length; at += 4) page.writeUInt32LE(next(), at);
}

const FILLS = {
  text: fillText,
  random: fillRandom,
  // Written all the same: no page of it is a hole.
  zero(page) {
    page.fill(0);
  },
  // Page by page in any order.
  half(page, next) {
    if (next() % 2 === 0) page.fill(0);
    else fillRandom(page, next);
  },
  // Half zero, a quarter text, a quarter random, page by page.
  mixed(page, next) {
    const kind = next() % 4;
    if (kind < 2) page.fill(0);
    else (kind === 2 ? fillText : fillRandom)(page, next);
  },
};

/** What an image can hold. */
export const CONTENTS = Object.keys(FILLS);

/** Writes an image of `size` bytes; the same content and size give the same bytes. */
export function writeImage(path, size, content) {
  const next = random(20241123);
  const fill = FILLS[content];
  const buffer = Buffer.alloc(4 * 2 ** 20);
  const fd = openSync(path, 'w', 0o600);
  try {
    ftruncateSync(fd, size);
    for (let at = 0; at < size; at += buffer.length) {
      for (let page = 0; page < buffer.length; page += PAGE) fill(buffer.subarray(page, page + PAGE), next);
      writeSync(fd, buffer, 0, Math.min(buffer.length, size - at), at);
    }
  } finally {
    closeSync(fd);
  }
}
