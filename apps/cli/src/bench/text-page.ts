/** Text for guests. It imports nothing: the programs in `bench/` use it as it is. */

/** Words of English prose and of what guests have in memory: logs, paths, JSON. */
const WORDS =
  'the of and a to in is was he for it with as his on be at by had not are but from or have an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years much where your way down should because long each just state those people too mr how little good make very still see own work such here get both between life being under three never know same last another while us might great go come since against right came take used himself few house american use place during high without again home around small however found mrs part school thought went say general once upon war every does got united left number course until always away something fact water though public less put think almost hand enough took far head yet government system set better night told nothing end why called eyes find going look asked later point knew next program city business give group toward young let days room within children side social given present several order national second possible rather per face among form often things looking early white case become large big need four felt along god saw best church ever least power development light thing family interest seemed want members mind country area others turn done door problem kernel: systemd[1]: started session user nginx GET /index.html HTTP/1.1 200 INFO WARN ERROR {"id": "name": "value": true, false, null, 0x00007fff /usr/lib/x86_64-linux-gnu/libc.so.6 malloc free read write'.split(
    ' ',
  );

/** Bytes of text that pages are cut from: much more than any compressor looks back. */
const POOL = 64 * 2 ** 20;

/** Words 0 to 2^32-1; the same seed gives the same ones. */
export type Random = () => number;

/** Writes a page. @param page seen as words. @param number of the page in the guest. */
export type PageFill = (page: Int32Array, number: number, next: Random) => void;

export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

let pool: Int32Array | undefined;

/** Compresses to about a third. */
export function textPage(page: Int32Array, _number: number, next: Random): void {
  pool ??= makePool();
  const at = next() % (pool.length - page.length);
  page.set(pool.subarray(at, at + page.length));
}

function makePool(): Int32Array {
  const text = Buffer.alloc(POOL);
  const next = random(7);
  for (let at = 0; at < text.length; ) {
    const word = WORDS[next() % WORDS.length];
    at += text.write(`${word}${next() % 12 === 0 ? '\n' : ' '}`, at, 'latin1');
  }
  return new Int32Array(text.buffer, text.byteOffset, text.length / 4);
}
