/**
 * Publishes what the registry does not have, after `prepare.mjs`: packs each package, checks that very tarball, and gives it
 * to npm. A package comes after those that it needs, so whoever installs meanwhile finds all of it. Run twice, it goes on
 * where it stopped.
 *
 *   node scripts/release/publish.mjs ROOT [--tag TAG] [--no-check]
 *
 * Prints `New tag:` for each package of the workspace, as the action of changesets reads it, and makes the git tag.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { publishedPackages, readManifest } from './packages.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: { tag: { type: 'string', default: 'latest' }, check: { type: 'boolean', default: true } },
});
const root = resolve(positionals[0] ?? '.');
const packed = join(root, 'artifacts', 'packed');
rmSync(packed, { recursive: true, force: true });
mkdirSync(packed, { recursive: true });

const run = (file, args, cwd = root) =>
  execFileSync(file, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

for (const { folder } of publishedPackages(root)) {
  const home = join(root, folder);
  const manifest = readManifest(home);
  const platforms = join(home, 'npm');
  // First: nobody must get the package without its machine code.
  for (const name of existsSync(platforms) ? readdirSync(platforms) : [])
    publish(join(platforms, name), (from) =>
      run('npm', ['pack', '--pack-destination', packed, '--silent'], from).trim(),
    );
  const isNew = publish(home, pack);
  if (!isNew) continue;
  const tag = `${manifest.name}@${manifest.version}`;
  if (spawnSync('git', ['rev-parse', '-q', '--verify', `refs/tags/${tag}`], { cwd: root }).status !== 0)
    run('git', ['tag', tag, '-m', tag]);
  console.log(`New tag: ${tag}`);
}

/** By pnpm, which writes versions in place of `workspace:`. */
function pack(home) {
  const [{ filename }] = [
    JSON.parse(run('npx', ['-y', 'pnpm@12', 'pack', '--json', '--pack-destination', packed], home)),
  ].flat();
  if (values.check) {
    run(join(root, 'node_modules/.bin/publint'), ['--strict', filename]);
    run(join(root, 'node_modules/.bin/attw'), [filename, '--profile', 'esm-only']);
  }
  return filename;
}

/** @returns false if the registry has this version. */
function publish(home, packIt) {
  const { name, version } = readManifest(home);
  if (isThere(name, version)) return false;
  const tarball = resolve(packed, packIt(home));
  run('npm', ['publish', tarball, '--access', 'public', '--tag', values.tag, '--loglevel', 'error']);
  console.log(`published ${name}@${version}`);
  return true;
}

function isThere(name, version) {
  const { status, stdout, stderr } = spawnSync('npm', ['view', `${name}@${version}`, 'version', '--json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return stdout.trim() !== '';
  if (/E404/.test(stdout + stderr)) return false;
  throw new Error(`npm view ${name}: ${stderr}`);
}
