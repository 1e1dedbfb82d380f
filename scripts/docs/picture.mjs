/**
 * Writes docs/images/migrate.svg, which the READMEs show, from a run of the built command on a terminal of its own.
 *
 *   node scripts/docs/picture.mjs      Linux; needs `dist` and `native`, and `script` of util-linux
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rowsOf, svgOf } from './screen.mjs';

const ROOT = join(import.meta.dirname, '../..');
const OPTIONS = 'migrate demo:1G,zero=0.5,dirty=64M --channels 4';

const folder = mkdtempSync(join(tmpdir(), 'multifd-picture-'));
try {
  const [output, timing] = ['output', 'timing'].map((name) => join(folder, name));
  const command = `${process.execPath} ${join(ROOT, 'apps/cli/dist/cli.js')} ${OPTIONS}`;
  execFileSync('script', ['-qe', '--log-out', output, '--log-timing', timing, '--command', command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(
    join(ROOT, 'docs/images/migrate.svg'),
    svgOf(`multifd ${OPTIONS}`, rowsOf(eventsOf(output, timing))),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** `timing` has a line for each piece of output: seconds since the last one, and bytes. The first line is script's own. */
function eventsOf(output, timing) {
  const whole = readFileSync(output);
  const bytes = whole.subarray(whole.indexOf('\n') + 1);
  const events = [];
  let [at, from] = [0, 0];
  for (const line of readFileSync(timing, 'utf8').trim().split('\n')) {
    const [seconds, count] = line.split(' ').slice(-2).map(Number);
    at += seconds;
    events.push({ at, text: bytes.subarray(from, from + count).toString() });
    from += count;
  }
  return events;
}
