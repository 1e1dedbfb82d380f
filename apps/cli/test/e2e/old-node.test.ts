import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const COMMANDS = ['migrate', 'receive', 'relay'];

it.each(
  ['20.20.2', '22.14.0', '23.11.1'].flatMap((version) =>
    COMMANDS.map((command) => [version, command] as const),
  ),
)('on Node %s %s says so in one line, and imports nothing', (version, command) => {
  // The version is all that is older here; a module that is loaded all the same would be told.
  const old = `
    import { registerHooks } from 'node:module';
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
    registerHooks({ load(url, context, next) { console.log(url); return next(url, context); } });`;
  const preload = `data:text/javascript,${encodeURIComponent(old)}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', preload, CLI, command, '--json'],
    {
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe(
    `multifd: Node ${version} cannot run this: use Node 24 or newer, or 22 from 22.15 on\nhint: see which one runs with \`node --version\`\n`,
  );
  expect(status).toBe(3);
  const [loaded = '', ...document] = stdout.split('\n');
  expect(loaded).toMatch(/\/dist\/cli\.js$/);
  expect(JSON.parse(document.join('\n'))).toEqual({
    'schema-version': 1,
    command,
    status: 'failed',
    'error-class': 'host-unavailable',
    'error-desc': `Node ${version} cannot run this: use Node 24 or newer, or 22 from 22.15 on`,
    hint: 'see which one runs with `node --version`',
  });
});
