/** A guest's memory as a sparse file. */
import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { random, textPage } from '../../src/bench/text-page.ts';
import { CHANGED, changedPages, PAGE, type RestGuest, type Run, runsOf } from './guests.ts';

/** Of where there is content, of the content, of which pages change, of what is in them then. */
const SEEDS = { runs: 1, content: 2, changed: 3, later: 4 } as const;

/** Where this guest has content. */
export function contentOf(guest: RestGuest): Run[] {
  return runsOf(guest, random(SEEDS.runs));
}

/** Its pages that differ between the two snapshots. */
export function changedOf(guest: RestGuest): number[] {
  return changedPages(contentOf(guest), CHANGED, random(SEEDS.changed));
}

/** Writes the memory at the first snapshot, or at the later one. The same guest gives the same bytes. */
export function writeImage(path: string, guest: RestGuest, when: 'first' | 'later'): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    ftruncateSync(fd, guest.size);
    const content = random(SEEDS.content);
    for (const { first, pages } of contentOf(guest)) {
      const words = new Int32Array((pages * PAGE) / 4);
      for (let at = 0; at < words.length; at += PAGE / 4) {
        textPage(words.subarray(at, at + PAGE / 4), 0, content);
      }
      writeAll(fd, words, first * PAGE);
    }
    const later = random(SEEDS.later);
    const page = new Int32Array(PAGE / 4);
    for (const number of when === 'later' ? changedOf(guest) : []) {
      textPage(page, 0, later);
      writeAll(fd, page, number * PAGE);
    }
    // Nobody who is measured shall wait until this is written.
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, words: Int32Array, at: number): void {
  const bytes = new Uint8Array(words.buffer);
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
