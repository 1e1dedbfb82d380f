/**
 * Files of bench samples, as JSON lines: the first line says on what and how they were taken, each further one is a run
 * (or a contender) with its samples. They are in `docs/samples/KIND/MACHINE.jsonl`; docs/benchmarks.md is made of them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../../docs/samples/', import.meta.url);

/** The folder of a kind of samples: `check`, `accel`, `look`, `codec`, `core`, `qemu`, `store`, `bench`. */
export function samplesFolder(kind) {
  return fileURLToPath(new URL(`${kind}/`, FOLDER));
}

/** Where a machine's samples of a kind are kept: those of the same machine and Node replace each other. */
export function samplesFile(kind, machine) {
  return `${samplesFolder(kind)}${machine}.jsonl`;
}

/**
 * A document with one array of rows as lines.
 * @param rows the array's name in the document: `runs`, `results`.
 */
export function toLines(document, rows) {
  const { [rows]: items, ...rest } = document;
  return [{ ...rest, rows }, ...items].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The document that `toLines` made lines of. */
export function fromLines(text) {
  const [first, ...items] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  if (typeof first?.rows !== 'string')
    throw new Error('no samples: the first line does not say what the rows are');
  const { rows, ...document } = first;
  return { ...document, [rows]: items };
}

export function writeSamples(file, document, rows) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, toLines(document, rows));
}

export function readSamples(file) {
  return fromLines(readFileSync(file, 'utf8'));
}
