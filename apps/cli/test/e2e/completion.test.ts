import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const TYPES_AT = fileURLToPath(new URL('../fixtures/types-at.py', import.meta.url));

/** The words that `line` may become: its last word is being typed. */
async function complete(line: string): Promise<{ words: string[]; directive: string }> {
  const { code, stdout } = await run(['complete', '--', ...line.split(' ')]);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  return {
    words: lines.slice(0, -1).map((each) => each.split('\t')[0] ?? ''),
    directive: lines.at(-1) ?? '',
  };
}

describe('completion', () => {
  it.each([
    ['mi', ['migrate'], ':4'],
    [
      '',
      [
        'migrate',
        'receive',
        'relay',
        'convert',
        'inspect',
        'store',
        'tls',
        'accel',
        'bench',
        'completion',
        'help',
      ],
      ':4',
    ],
    ['migrate --cha', ['--channels'], ':4'],
    ['bench --scenario un', ['untouched'], ':0'],
    ['migrate --max-bandwidth 1M --down', ['--downtime-limit'], ':4'],
    ['migrate --host ', ['auto', 'linux', 'none'], ':4'],
    ['migrate --host=li', ['--host=linux'], ':4'],
    ['migrate --accel avx', ['avx512', 'avx2'], ':0'],
    ['migrate --accel=gpu:', ['--accel=gpu:software'], ':0'],
    ['migrate --compression z', ['zlib', 'zstd'], ':0'],
    ['migrate --channels ', [], ':4'],
    ['migrate --tls-creds t', [], ':0'],
    ['receive --trace=t', [], ':0'],
    ['bench --samples ', [], ':0'],
    ['accel bench --samples ', [], ':4'],
    ['migrate --channels=', [], ':4'],
    ['migrate --nothing=', [], ':4'],
    ['migrate de', ['demo:'], ':2'],
    ['migrate demo:1G lo', ['loopback'], ':0'],
    ['migrate --verify demo:1G lo', ['loopback'], ':0'],
    ['migrate demo:1G loopback x', [], ':4'],
    ['inspect ', [], ':0'],
    ['accel b', ['bench'], ':4'],
    ['accel bench --sam', ['--samples'], ':4'],
    ['help ac', ['accel'], ':4'],
    ['help accel b', ['bench'], ':4'],
    ['help nothing ', [], ':4'],
    ['receive --loop', [], ':4'],
    ['completion ', ['bash', 'zsh', 'fish'], ':4'],
  ])('of %j', async (line, words, directive) => {
    expect(await complete(line)).toEqual({ words, directive });
  });

  it.each([
    ['bash', 'complete -o default -F _multifd_complete multifd'],
    ['zsh', '#compdef multifd'],
    ['fish', 'complete -c multifd'],
  ])('prints the script for %s', async (shell, line) => {
    const { code, stdout } = await run(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain(line);
  });

  it('knows no other shell', async () => {
    const { code, stderr } = await run(['completion', 'bsh']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'multifd: the shell must be one of bash, zsh, fish, got "bsh"\nhint: did you mean bash?\n',
    );
  });
});

/** Shells that this machine has, and how each starts with nobody's settings: it reads `rc`, which stands in `home`. */
const SHELLS = {
  bash: { start: (home: string) => ['bash', '--noprofile', '--rcfile', join(home, '.zshrc'), '-i'], rc: '' },
  zsh: {
    start: () => ['zsh', '-d', '-i'],
    rc: 'autoload -Uz compinit && compinit -u -d "$HOME/dump"\nunsetopt prompt_sp prompt_cr\nunset zle_bracketed_paste\n',
  },
};

/** A home with the command, a file, and settings for bash and zsh. */
function homeWith(shell: 'bash' | 'zsh', rc: string): string {
  const home = tempDirectory();
  const bin = join(home, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'multifd'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  chmodSync(join(bin, 'multifd'), 0o755);
  writeFileSync(join(home, 'guest-of-mine.mig'), '');
  writeFileSync(
    join(home, '.zshrc'),
    `${rc}PS1='ready> '\ncd '${home}'\nPATH='${bin}':$PATH\nsource <(multifd completion ${shell})\n`,
  );
  return home;
}

describe.each(['bash', 'zsh'] as const)('in %s', (shell) => {
  const missing = ['python3', shell].filter((program) => spawnSync(program, ['-c', '']).status !== 0);
  const why = missing.length === 0 ? '' : ` (there is no ${missing.join(' and no ')})`;

  it.skipIf(missing.length > 0)(`the tabulator completes, and runs nothing of what was typed${why}`, () => {
    const { start, rc } = SHELLS[shell];
    const home = homeWith(shell, rc);
    const clear = '\u0015';
    const keys = [
      ['', 'ready> $'],
      ['multifd mig\t', 'migrate $'],
      ['--max-b\t', '--max-bandwidth $'],
      [`1M --host=l\t`, '--host=linux $'],
      ['--accel gpu-gpujs:\t', 'gpu-gpujs:software $'],
      // No space behind a prefix, since something follows.
      ['de\t', 'demo:$'],
      [`${clear}multifd inspect guest\t`, 'guest-of-mine.mig $'],
      [`${clear}multifd $(touch${'\u0016\t'}ran) mig\t`, 'migrate $'],
      [`${clear}exit\r`, 'exit'],
    ];
    const ended = spawnSync('python3', [TYPES_AT, JSON.stringify(keys), ...start(home)], {
      encoding: 'utf8',
      env: { ...process.env, HOME: home, ZDOTDIR: home, TERM: 'dumb', INPUTRC: '/dev/null' },
    });
    expect(ended.stderr).toBe('');
    const shown: string[] = JSON.parse(ended.stdout);
    for (const [index, [, pattern = '']] of keys.entries()) expect(shown[index]).toMatch(new RegExp(pattern));
    expect(existsSync(join(home, 'ran'))).toBe(false);
  });
});

const hasFish = spawnSync('fish', ['-c', '']).status === 0;

it.skipIf(!hasFish)(
  `in fish it completes, and runs nothing of what was typed${hasFish ? '' : ' (there is no fish)'}`,
  () => {
    const home = homeWith('bash', '');
    const ask = (line: string): string[] => {
      const script = `cd '${home}'; multifd completion fish | source; complete -C '${line}'`;
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], {
        encoding: 'utf8',
        env: { ...process.env, HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH}` },
      });
      expect(stderr).toBe('');
      return stdout.split('\n').flatMap((each) => each.split('\t')[0] || []);
    };
    expect(ask('multifd mig')).toEqual(['migrate']);
    expect(ask('multifd migrate 1M --host=l')).toEqual(['--host=linux']);
    expect(ask('multifd migrate demo:1M --accel gpu-gpujs:')).toEqual(['gpu-gpujs:software']);
    expect(ask('multifd migrate --channels ')).toEqual([]);
    expect(ask('multifd receive tcp:h:1 file:gu')).toEqual(['file:guest-of-mine.mig']);
    expect(ask('multifd "$(touch ran)" mig')).toEqual(['migrate']);
    expect(existsSync(join(home, 'ran'))).toBe(false);
  },
);
