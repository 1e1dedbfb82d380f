import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf } from '../../src/exit-codes.js';
import { errorReport } from '../../src/loopback/messages.js';
import { buildProgram } from '../../src/program.js';
import { failureMembers, formatError } from '../../src/report/errors.js';
import { inOptions } from '../../src/report/option-names.js';
import { pathError } from '../../src/system-error.js';

/** Of the command, as its help lists them. */
const OPTIONS = buildProgram([], () => {}).commands.flatMap(({ options }) =>
  options.flatMap(({ long }) => long ?? []),
);

function systemErrorOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

describe('errors and exit codes', () => {
  it('in a library nothing speaks of options of the command', () => {
    const packages = fileURLToPath(new URL('../../../../packages', import.meta.url));
    const words = new Set(OPTIONS.map((option) => option.replace(/^--(no-)?/, '')));
    const found = readdirSync(packages, { recursive: true, encoding: 'utf8' })
      .filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path))
      .flatMap((path) =>
        readFileSync(join(packages, path), 'utf8')
          .split('\n')
          .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line))
          .filter((line) =>
            [...line.matchAll(/--(?:no-)?([a-z][a-z-]+)/g)].some(([, word = '']) => words.has(word)),
          )
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(found).toEqual([]);
  });

  it("core's parameters are named as the options that were typed", () => {
    const text = 'take fewer channels (multifdChannels), or raise ulimit -n';
    expect(inOptions(text, ['migrate'])).toContain('(--channels)');
    expect(inOptions(text, ['migrate', '--multifd-channels', '200'])).toContain('(--multifd-channels)');
    expect(inOptions(text, ['migrate', '--channels=200'])).toContain('(--channels)');
    expect(inOptions('stallTimeout, maxRam and multifdChannelsX', [])).toBe(
      '--stall-timeout, --max-ram and multifdChannelsX',
    );
    expect(inOptions('a QEMU knows no report: leave requestReport out for one', [])).toBe(
      'a QEMU knows no report: give --no-verify for one',
    );
    const error = new MultifdError('io', 'multifdChannels: too many', { hint: 'allow more (maxRam)' });
    expect(formatError(error)).toBe('multifd: --channels: too many\nhint: allow more (--max-ram)\n');
    expect(failureMembers(error)).toMatchObject({
      'error-desc': '--channels: too many',
      hint: 'allow more (--max-ram)',
    });
  });

  it('known errors are a line and a hint', () => {
    expect(formatError(new MultifdError('usage', 'no', { hint: 'yes' }))).toBe('multifd: no\nhint: yes\n');
    expect(formatError(new MultifdError('io', 'bad\u001b[2Jname', { hint: '\u0007' }))).not.toMatch(
      /[^\P{Cc}\n]/u,
    );
  });

  it('unknown ones keep their stack and ask for a report', () => {
    const text = formatError(new TypeError('oops'));
    expect(text).toContain('please report');
    expect(text).toContain('errors.test.ts');
  });

  it('what the system refused is no mistake of ours, wherever it came up', () => {
    const error = systemErrorOf(() => readFileSync('/no/such/file'));
    expect(formatError(error)).toBe("multifd: ENOENT: no such file or directory, open '/no/such/file'\n");
    expect(failureMembers(error)).toMatchObject({ 'error-class': 'io', status: 'failed' });
    expect(exitCodeOf(error)).toBe(EXIT.failed);
    expect(errorReport(error)).toMatchObject({ code: 'io' });
    // Node's own errors name no system call: those are ours.
    expect(formatError(Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' }))).toContain(
      'please report',
    );
  });

  it.each([
    ['EACCES', 'usage', /permission denied \(EACCES\)/],
    ['EPERM', 'usage', /\(EPERM\)/],
    ['EROFS', 'usage', /read-only.*\(EROFS\)/],
    ['ENOSPC', 'io', /no space left.*\(ENOSPC\)/],
    ['EMFILE', 'io', /\(EMFILE\)/],
  ] as const)("%s with the user's path is %s", (code, kind, message) => {
    const errno = -constants.errno[code];
    const cause = Object.assign(new Error(`${code}: x, open 'p'`), {
      errno,
      code,
      syscall: 'open',
      path: 'p',
    });
    const error = pathError(cause, 'p: cannot be read');
    expect(error).toMatchObject({ code: kind, cause, message: expect.stringMatching(message) });
    expect(error.hint).toBeDefined();
    const known = new MultifdError('incompatible', 'x');
    expect(pathError(known, 'y')).toBe(known);
  });

  it.each([
    ['usage', EXIT.usage],
    ['accelerator-unavailable', EXIT.unavailable],
    ['codec-unavailable', EXIT.unavailable],
    ['incompatible', EXIT.incompatible],
    ['cancelled', EXIT.interrupted],
    ['peer-closed', EXIT.failed],
    ['io', EXIT.failed],
  ] as const)('%s is %d', (code, exit) => expect(exitCodeOf(new MultifdError(code, ''))).toBe(exit));

  it('anything else failed', () => expect(exitCodeOf(new Error(''))).toBe(EXIT.failed));
});
