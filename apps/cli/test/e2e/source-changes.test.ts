import {
  chmodSync,
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, run, start, startReceive } from '../helpers/cli.js';
import { content, HOLES_NOTE, RAW_IS_QUIET, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;
/** When the files were written, in seconds: a time that can be set again to the nanosecond. */
const WRITTEN = 1e9;

async function rawFile(): Promise<string> {
  const file = join(tempDirectory(), 'guest.ram');
  writeSparse(file, 16 * MIB, [{ at: 0, bytes: content(8 * MIB, 1) }]);
  return file;
}

async function migrationFile(): Promise<string> {
  const file = join(tempDirectory(), 'guest.mig');
  const receiving = await startReceive([`file:${file}`, '--no-verify']);
  const sent = await run(['migrate', 'demo:8M,zero=0', receiving.address, '--no-verify']);
  expect(sent).toMatchObject({ code: 0, stderr: '' });
  expect((await receiving.ended).code).toBe(0);
  return file;
}

/** 4096 bytes in the middle of its data. */
function writeOnePage(file: string): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, content(PAGE, 9), 0, PAGE, 4 * MIB);
  closeSync(fd);
}

/** As copying programs do that keep times. */
function writeAndKeepTimes(file: string): void {
  writeOnePage(file);
  utimesSync(file, WRITTEN, WRITTEN);
}

function replaceFile(file: string): void {
  copyFileSync(file, `${file}.new`);
  renameSync(`${file}.new`, file);
}

describe.each([
  ['raw', rawFile],
  ['file', migrationFile],
] as const)('a source %s:, sent without verification, whose file', (kind, make) => {
  /** A migration that takes about three seconds once it has begun; nothing is compared when it is over. */
  async function slowly(file: string, ...options: string[]) {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`, '--no-verify']);
    const source = start([
      'migrate',
      `${kind}:${file}`,
      destination.address,
      '--no-verify',
      '--json',
      '--max-bandwidth',
      '3M',
      ...options,
    ]);
    // Not only connected: a source that goes before its main stream is read is refused, and the destination waits on.
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    return { destination, source };
  }

  it.each([
    ['was written to', 'auto', writeOnePage],
    ['was written to', 'none', writeOnePage],
    ['was changed', 'auto', writeAndKeepTimes],
    ['was replaced', 'auto', replaceFile],
  ])('%s, host %s: the migration fails before the guest is handed over', async (how, host, touch) => {
    const file = await make();
    utimesSync(file, WRITTEN, WRITTEN);
    const { destination, source } = await slowly(file, '--host', host);
    touch(file);
    const { code, stderr, stdout } = await source.ended;
    expect(stderr).toMatch(
      new RegExp(
        `^${HOLES_NOTE}multifd: ${file}: the file ${how} while it was read\nhint: .+nothing writes to it.+\n$`,
      ),
    );
    expect(stderr).not.toMatch(/intact/);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'io', 'guest-at': 'source' });
    expect((await destination.ended).code).toBe(1);
  });

  it.each(['none', 'auto'])('was cut, host %s: nobody says that the guest is intact', async (host) => {
    const file = await make();
    const { destination, source } = await slowly(file, '--host', host);
    truncateSync(file, PAGE);
    const { code, stderr, stdout } = await source.ended;
    expect(stderr).toMatch(/; the guest was not handed over, but here it is not as it was: .+\n$/);
    expect(stderr).toContain(`${file}: the file was written to while it was read`);
    expect(stderr).not.toMatch(/intact/);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    expect((await destination.ended).code).toBe(1);
  });

  it('was cut, and the user gives up: the same', async () => {
    const file = await make();
    const { source } = await slowly(file, '--host', 'none');
    truncateSync(file, 12 * MIB);
    source.child.kill('SIGINT');
    const { stderr } = await source.ended;
    expect(stderr).toMatch(/the file was written to while it was read; the guest was not handed over/);
    expect(stderr).not.toMatch(/intact/);
  });

  it.each(['none', 'auto'])('was removed, host %s: it is open, and arrives', async (host) => {
    const file = await make();
    utimesSync(file, WRITTEN, WRITTEN);
    const { destination, source } = await slowly(file, '--host', host);
    rmSync(file);
    expect(await source.ended).toMatchObject({ code: 0, stderr: RAW_IS_QUIET });
    expect((await destination.ended).code).toBe(0);
  });
});

it('a raw: source that another program has open for writing is named: what that maps and writes is not seen', async () => {
  const file = await rawFile();
  const writer = openSync(file, 'r+');
  try {
    const { code, stderr } = await run(['migrate', `raw:${file}`]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^multifd: warning: another program has .* open for writing: if a QEMU runs on it, stop it/,
      ),
    });
    // A program reads the document.
    expect(JSON.parse((await run(['migrate', `raw:${file}`, '--json'])).stdout)).toMatchObject({
      status: 'completed',
      notes: [expect.stringMatching(/^warning: another program has .* open for writing/)],
    });
  } finally {
    closeSync(writer);
  }
  const quiet = await run(['migrate', `raw:${file}`, '--json']);
  expect(quiet).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(quiet.stdout)).not.toHaveProperty('notes');
});

it.runIf(process.getuid?.() === 0)(
  "a raw: source of somebody else's: that its writers cannot be seen is said (as root, who can become one)",
  async () => {
    const directory = tempDirectory();
    const file = join(directory, 'pc.ram.raw');
    writeSparse(file, 2 ** 20, []);
    chmodSync(file, 0o644);
    chmodSync(directory, 0o755);
    const wrap = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    // Relative to its directory: that user may not look into the folder of this run.
    const { code, stderr } = await run(['migrate', 'raw:pc.ram.raw'], { wrap, cwd: directory });
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^multifd: whether another program has .* open for writing cannot be found out/);
  },
);
