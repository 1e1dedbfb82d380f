import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const DIST = join(PACKAGE, 'dist');

/** What a refused command line looks like: one line, at most one hint, and nothing else. */
const REFUSAL = /^multifd: .+\n(hint: .+\n)?$/;

describe('a wrong command line', () => {
  it.each([
    [2, 'bogus'],
    [2, 'migrate --bogus'],
    [2, 'migrate demo:16M loopback too-many'],
    [2, 'migrate demo:5'],
    [2, 'migrate demo:1X'],
    [2, 'migrate demo:16M,zero=7'],
    [2, 'migrate demo:16M,backing=swap'],
    [2, 'receive tcp::0 memory:swap'],
    [2, 'migrate demo:16M --host windows'],
    [3, 'migrate demo:16M,backing=thp --host none'],
    [2, 'migrate nonsense'],
    [2, 'migrate raw:/no/such/file'],
    [2, 'migrate file:/no/such/file'],
    [2, 'migrate file:package.json'],
    [2, 'migrate file:.'],
    [2, 'inspect'],
    [2, 'inspect /no/such/file'],
    [2, 'inspect package.json'],
    [2, 'inspect .'],
    [2, 'inspect package.json --bogus'],
    [2, `migrate raw:/${'x'.repeat(300)}`],
    [2, 'migrate demo:16M --accel file://host/x'],
    [2, `migrate --accel ./${'x'.repeat(300)}`],
    [2, `receive tcp::0 raw:/${'x'.repeat(300)}`],
    [2, 'receive tcp::0 raw:/dev/null/below'],
    [2, 'receive --max-ram 0'],
    [2, 'receive --max-ram lots'],
    [2, 'migrate demo:16M file:out'],
    [2, 'migrate demo:16M tcp:nowhere'],
    [2, 'migrate demo:16M tcp:127.0.0.1:0'],
    [2, 'migrate demo:16M tcp:127.0.0.1:70000'],
    [2, 'migrate --channels 0'],
    [2, 'migrate --multifd-channels 256'],
    [2, 'migrate --max-bandwidth fast'],
    [2, 'migrate --downtime-limit -1'],
    [2, 'migrate --zero-page-detection sometimes'],
    [2, 'migrate --uuid 3'],
    [2, 'migrate --channels'],
    [2, 'receive tcp:nowhere'],
    [2, 'receive unix:/no/such/directory/socket'],
    [2, 'receive tcp::0 file:/no/such/directory/guest.mig'],
    [2, 'receive tcp::0 file:.'],
    [2, 'receive tcp::0 file:package.json'],
    [2, 'receive tcp::0 nonsense'],
    // A kernel of another processor.
    [3, `migrate --accel ${process.arch === 'x64' ? 'neon' : 'avx512'}`],
    [3, 'migrate --accel ./no-such-module'],
    [3, 'migrate --compression lzma'],
    [3, 'receive tcp::0 --multifd-compression ./no-such-codec'],
    [3, 'relay tcp::0 tcp:127.0.0.1:1 --outgoing-multifd-compression lzma'],
    [2, 'migrate --multifd-zlib-level 10'],
    [2, 'migrate --multifd-zstd-level 21'],
    [2, 'receive tcp::0 --multifd-zstd-level -1'],
    [2, 'migrate demo:4M --multifd-zlib-level 5'],
    [2, 'receive tcp::0 --multifd-zstd-level 5'],
    [2, 'relay tcp::0 tcp:127.0.0.1:1 --multifd-zlib-level 5'],
    [2, 'relay tcp::0 tcp:127.0.0.1:1 --multifd-zlib-level x'],
  ])('exits %d: multifd %s', async (code, line) => {
    const ended = await run(line.split(' '));
    expect(ended.stderr).toMatch(REFUSAL);
    expect(ended).toMatchObject({ code, stdout: '' });
  });

  it('an image of a wrong size says what to do', async () => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'odd.ram'), 'x'.repeat(5000));
    const ended = await run(['migrate', 'raw:odd.ram'], { cwd });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(REFUSAL);
    expect(ended.stderr).toContain('with zeros to 8192 bytes: do that to a copy');
  });

  it('with --json is one document on stdout too', async () => {
    for (const line of [
      'migrate --channels 0 --json',
      'migrate raw:/no/such --json',
      'receive x --json',
      'migrate --json --no',
      'inspect package.json --json',
      'inspect --json',
    ]) {
      const ended = await run(line.split(' '));
      expect(ended.code).toBe(2);
      expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
      expect(ended.stderr).toMatch(REFUSAL);
    }
  });
});

describe('words that were typed', () => {
  it.each([
    ['migrate --chanels 3', "unknown option '--chanels'", 'did you mean --channels?'],
    [
      'migrate --multifd-chanels=3',
      "unknown option '--multifd-chanels=3'",
      'did you mean --multifd-channels?',
    ],
    ['migrate --frobnicate', "unknown option '--frobnicate'", 'multifd migrate --help shows what there is'],
    ['accel bench --smples 3', "unknown option '--smples'", 'did you mean --samples?'],
    ['migrat', "unknown command 'migrat'", 'did you mean migrate?'],
    ['migrate demo:4M,zreo=0.5', 'demo: unknown setting "zreo"', 'did you mean zero?'],
    ['migrate rwa:x.img', 'source "rwa:x.img": not understood', 'did you mean raw:x.img?'],
    ['migrate demo:4M --accel axv2', 'no accelerator or module is called "axv2"', 'did you mean avx2?'],
    ['accel bnch', "unknown command 'bnch'", 'did you mean bench?'],
    ['help migrat', "unknown command 'migrat'", 'did you mean migrate?'],
    ['help accel nothing', "unknown command 'nothing'", 'multifd --help shows what there is'],
    ['migrate --accel AVX2', 'no accelerator or module is called "AVX2"', 'did you mean avx2?'],
    ['relay tcp::0 tcp:127.0.0.1:1 --accel natve', 'is called "natve"', 'did you mean native?'],
    ['migrate --compression ZSTD', 'is called "ZSTD"', 'did you mean zstd?'],
    ['migrate --host lnux', '--host must be one of auto, linux, none, got "lnux"', 'did you mean linux?'],
    ['migrate --zero-page-detection=legcy', '--zero-page-detection must be one of', 'did you mean legacy?'],
    ['migrate --channels 0', '--channels must be a whole number', ''],
    ['migrate --channels=0 --multifd-channels 2', ': --channels must be a whole number', ''],
    ['migrate --multifd-channels 0', '--multifd-channels must be a whole number', ''],
    ['migrate --channels', '--channels: a value is missing', 'multifd migrate --help shows what there is'],
  ])('are named, and corrected: multifd %s', async (line, message, hint) => {
    const { stderr, stdout } = await run(line.split(' '));
    const [first = '', second = ''] = stderr.split('\n');
    expect(first).toContain(message);
    expect(second).toBe(hint === '' ? '' : `hint: ${hint}`);
    expect(stdout).toBe('');
  });

  it('also those of the environment', async () => {
    const env = { ...process.env, MULTIFD_HOST: 'windows' };
    expect((await run(['migrate'], { env })).stderr).toMatch(
      /^multifd: MULTIFD_HOST in the environment must be/,
    );
  });

  it.each([
    ['accel list --smples --json', 'accel list'],
    ['accel bench --accel ./no-such-module --json', 'accel bench'],
    ['bogus --json', 'bogus'],
  ])('name their command in the document: multifd %s', async (line, command) => {
    const { stdout } = await run(line.split(' '));
    expect(JSON.parse(stdout)).toMatchObject({ 'schema-version': 1, command, status: 'failed' });
  });
});

describe('help', () => {
  it.each([
    ['help', '--help'],
    ['help migrate', 'migrate --help'],
    ['help accel bench', 'accel bench --help'],
    ['accel help bench', 'accel bench --help'],
  ])('multifd %s is multifd %s', async (line, same) => {
    const ended = await run(line.split(' '));
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toBe((await run(same.split(' '))).stdout);
  });

  it('teaches by examples, and keeps quiet about what is not there yet', async () => {
    for (const args of [['--help'], ['migrate', '--help'], ['receive', '--help'], ['inspect', '--help']]) {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Examples:\n  multifd ');
      expect(stdout).not.toMatch(/loopback-child/);
    }
  });

  it('is shown, with exit code 2, when there is no command', async () => {
    const { code, stdout, stderr } = await run([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Examples:');
  });

  it('--version names the commit in a clone, and none in an installed package', async () => {
    const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
    const git = spawnSync('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: PACKAGE, encoding: 'utf8' });
    const { code, stdout } = await run(['--version']);
    expect(code).toBe(0);
    // A checkout may be here without git and without its `.git`.
    if (git.status === 0) expect(stdout).toMatch(`${version}+git.${git.stdout.trim()}`);
    else expect(stdout).toBe(`${version}\n`);

    // As npm installs it, inside a repository of the user's: that one's commit is none of ours.
    const home = tempDirectory();
    spawnSync('git', ['init', '-q', home]);
    const installed = join(home, 'node_modules', '@multifd', 'cli');
    mkdirSync(dirname(installed), { recursive: true });
    cpSync(PACKAGE, installed, {
      recursive: true,
      filter: (path) => [PACKAGE, join(PACKAGE, 'package.json')].includes(path) || path.startsWith(DIST),
    });
    symlinkSync(join(PACKAGE, 'node_modules'), join(installed, 'node_modules'));
    const command = spawnSync(process.execPath, [join(installed, 'dist', 'cli.js'), '-V'], {
      encoding: 'utf8',
    });
    expect(command.stdout).toBe(`${version}\n`);
  });
});

describe("a stranger's accelerator", () => {
  it('runs by path, and an answer of nonsense fails the migration', async () => {
    const cwd = tempDirectory();
    for (const [name, answer] of [
      ['good', 'batch.memory.subarray(at, at + 4096).every((byte) => byte === 0) ? 1 : 0'],
      ['throws', 'fail()'],
    ] as const) {
      mkdirSync(join(cwd, name));
      writeFileSync(join(cwd, name, 'package.json'), '{"type":"module","exports":"./a.js"}');
      writeFileSync(
        join(cwd, name, 'a.js'),
        `const fail = () => { throw new Error('the card fell out'); };
        export const accelerators = [{
          specVersion: 1, name: '${name}', capabilities: { pageSize: { min: 4096, max: 65536 }, preferredBatch: 16 },
          probe: () => ({ ok: true, detail: 'byte by byte' }),
          open: () => ({
            close() {},
            detect(batch, isZero) {
              for (let i = 0; i < batch.count; i++) { const at = batch.offsets[i]; isZero[i] = ${answer}; }
            },
          }),
        }];`,
      );
    }
    const good = await run(['migrate', 'demo:4M', '--accel', './good', '--json'], { cwd });
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({
      verified: true,
      accelerator: { name: 'good', requested: './good', detail: 'byte by byte', refused: [] },
    });
    const bad = await run(['migrate', 'demo:4M', '--accel', './throws'], { cwd });
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toContain('the card fell out');
  });

  it('a codec or an accelerator of the wrong shape is named as it was typed, and so is what is wrong', async () => {
    const cwd = tempDirectory();
    writeFileSync(
      join(cwd, 'codec.mjs'),
      "export const methods = [{ specVersion: 1, name: 'tiny', flag: 1 }];",
    );
    const codec = await run(['migrate', 'demo:4M', '--compression', './codec.mjs'], { cwd });
    expect(codec.code).toBe(3);
    expect(codec.stderr).toMatch(
      /^multifd: \.\/codec\.mjs does not export .*: methods\[0\]\.flag must be at least two/,
    );
    const hollow = `export const methods = [{ specVersion: 1, name: 'tiny', flag: 6, probe: () => ({ ok: true, detail: 'x' }),
      sendSetup: () => ({}), recvSetup: () => ({}) }];`;
    writeFileSync(join(cwd, 'hollow.mjs'), hollow);
    const hooks = await run(['migrate', 'demo:4M', '--compression=./hollow.mjs', '--json'], { cwd });
    expect(hooks.code).toBe(3);
    expect(JSON.parse(hooks.stdout)['error-desc']).toMatch(
      /multifd method tiny \(\.\/hollow\.mjs\): what its (?:sendSetup gave has no prepare|recvSetup gave has no maxPayload)/,
    );
    writeFileSync(join(cwd, 'accel.mjs'), 'export const accelerators = [{ specVersion: 1 }];');
    const accelerator = await run(['migrate', 'demo:4M', '--accel', './accel.mjs'], { cwd });
    expect(accelerator.stderr).toMatch(/^multifd: \.\/accel\.mjs does not export accelerators/);
  });

  it('that takes a page for zero which is not is found out', async () => {
    const cwd = tempDirectory();
    writeFileSync(
      join(cwd, 'liar.mjs'),
      `export const accelerators = [{
        specVersion: 1, name: 'liar', capabilities: { pageSize: { min: 4096, max: 65536 }, preferredBatch: 128 },
        probe: () => ({ ok: true, detail: 'everything is zero' }),
        open: () => ({ close() {}, detect(batch, isZero) { isZero.fill(1, 0, batch.count); } }),
      }];`,
    );
    const ended = await run(['migrate', 'demo:4M', '--accel', './liar.mjs', '--json'], { cwd });
    expect(ended.code).toBe(5);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'completed',
      verified: false,
      'error-desc': expect.stringContaining('RAM block pc.ram differs'),
      hint: expect.stringMatching(
        /^do not run the guest at the destination.*test \.\/liar\.mjs with @multifd\/conformance$/,
      ),
    });
    // One word about what to do with the guest.
    expect(ended.stderr).not.toMatch(/must run at the destination/);
  });
});
