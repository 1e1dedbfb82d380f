// The report of `pnpm faults --report FILE` as a table into docs/reliability.md: `node apps/cli/scripts/faults.mjs FILE`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs', 'reliability.md');
/** Of each target: what is before and behind its table. */
const PLACES = {
  file: ['<!-- faults: begin, written by apps/cli/scripts/faults.mjs -->', '<!-- faults: end -->'],
  store: [
    '<!-- faults with a store: begin, written by apps/cli/scripts/faults.mjs -->',
    '<!-- faults with a store: end -->',
  ],
};
const ROLES = ['source', 'relay', 'destination'];
/** Characters of what was said. */
const WIDTH = 96;

const [file] = process.argv.slice(2);
if (file === undefined)
  throw new Error('which report? Give the file that pnpm faults --report FILE has written');
const report = JSON.parse(readFileSync(file, 'utf8'));
if (report.failed > 0 || report.skipped > 0)
  throw new Error(
    `${file}: ${report.failed} faults, ${report.skipped} cases skipped: a table needs a whole run`,
  );

for (const [target, [begin, end]] of Object.entries(PLACES)) {
  const cases = report.cases.filter((each) => each.target === target);
  if (cases.length > 0) write(cases, begin, end);
}

function write(cases, begin, end) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`${PAGE}: ${begin} and ${end} are not there`);
  const rows = mergedRows(cases);
  writeFileSync(PAGE, `${before}${begin}\n\n${words(cases, report)}\n\n${table(rows)}\n\n${end}${after}`);
  process.stdout.write(`docs/reliability.md: ${cases.length} cases in ${rows.length} rows\n`);
}

function words({ length }, { cases, seconds, date, node, cores, load }) {
  const machine = `${cores} cores with a load of ${load}`;
  const count = length === cases.length ? `${length} cases` : `${length} of ${cases.length} cases`;
  return `${count} in ${seconds} s, Node ${node}, ${machine}, ${date}.`;
}

/** Cases of which the same is to be said share a row: first those of several places, then those of several states. */
function mergedRows(cases) {
  const rows = cases.map((each) => ({
    fault: each.fault,
    states: [each.state],
    places: [each.at],
    guest: each.guest,
    seconds: [each.seconds],
    codes: ROLES.map((role) => each.codes[role] ?? (role === 'relay' ? undefined : '')),
    said: saidIn(each),
  }));
  const sameButPlace = (row) => [row.fault, row.states, row.guest, row.codes[0], row.codes[2], row.said];
  const sameButState = (row) => [row.fault, row.places, row.guest, row.codes, row.said];
  return merged(merged(rows, sameButPlace), sameButState);
}

function merged(rows, keyOf) {
  const result = [];
  for (const row of rows) {
    const key = JSON.stringify(keyOf(row));
    const same = result.find(
      (each) => JSON.stringify(keyOf(each)) === key && fits(each.codes[1], row.codes[1]),
    );
    if (same === undefined) {
      result.push(row);
      continue;
    }
    same.states = [...new Set([...same.states, ...row.states])];
    same.places = [...new Set([...same.places, ...row.places])];
    same.seconds = [...same.seconds, ...row.seconds];
    same.codes[1] ??= row.codes[1];
  }
  return result;
}

/** Codes of a relay: one that is not there is no other. */
function fits(one, other) {
  return one === undefined || other === undefined || one === other;
}

/** By the first end on the guest's way that says more than that it was told to end. */
function saidIn({ said, fault, at }) {
  const own = fault === 'cancel' ? at : undefined;
  const role = ROLES.find((each) => each !== own && said[each] !== undefined);
  if (role === undefined) return '';
  return `${role === 'source' ? '' : 'behind the source: '}${shortened(said[role])}`;
}

/** Which connection ends first is chance, and so is where in the stream that is. */
function shortened(text) {
  const plain = text
    .split(' (')[0]
    .split(': record at')[0]
    .replace(/\b(?:outgoing )?(?:main stream|channel \d+)(?:, packet \d+)?(?=[:,])/g, 'a connection')
    .replace(/a connection: the connection broke: .*/, 'a connection broke')
    .replace(/leases\/[0-9a-f]{16}-\d+/, 'leases/…')
    .replace(/ (?:too early: .*|after \d+ of \d+ bytes)/, ' too early');
  if (plain.length <= WIDTH) return plain;
  return `${plain.slice(0, plain.lastIndexOf(' ', WIDTH))} …`;
}

function table(rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const head = ['fault', 'state', 'where', 'the guest', 's', 'exit codes', 'what was said'];
  const align = ['---', '---', '---', '---', '---:', '---', '---'];
  return [line(head), line(align), ...rows.map((row) => line(cellsOf(row)))].join('\n');
}

function cellsOf({ fault, states, places, guest, seconds, codes, said }) {
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  const time = least === most ? `${least}` : `${least}–${most}`;
  const shown = codes.map((code) => (code === 'SIGKILL' ? 'killed' : (code ?? '–'))).join(' / ');
  return [
    fault,
    states.join(', '),
    places.map((each) => each.replace('-', '–')).join(', '),
    guest,
    time,
    shown,
    said,
  ];
}
