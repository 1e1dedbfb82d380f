import { closestMatch } from 'leven';

/** More wrong letters than this make another word. */
const MOST_WRONG = 3;
/** And more than this share of the word's letters. */
const SHARE_WRONG = 0.4;

/** What `word` is most like among `known`, whatever its case; undefined if it is like none. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  const lower = (text: string) => text.toLowerCase().replace(/^-+/, '');
  const given = lower(word);
  const most = Math.min(MOST_WRONG, Math.floor(given.length * SHARE_WRONG));
  // Two letters that have changed places are two wrong ones, which is too much for a short word.
  const mixed = known.find((each) => sorted(lower(each)) === sorted(given));
  if (mixed !== undefined) return mixed;
  const closest = closestMatch(given, known.map(lower), { maxDistance: most });
  return closest === undefined ? undefined : known.find((each) => lower(each) === closest);
}

function sorted(word: string): string {
  return [...word].sort().join('');
}

/** The same as a hint; `otherwise` if there is none. */
export function didYouMean(word: string, known: readonly string[], otherwise: string): string {
  const meant = suggestion(word, known);
  return meant === undefined ? otherwise : `did you mean ${meant}?`;
}
