/**
 * Publishes what the registry does not have, after `prepare.mjs`: packs each package, checks that very tarball, and when all
 * are right gives them to npm. A package comes after those that it needs, so whoever installs meanwhile finds all of it. Run
 * twice, it goes on where it stopped.
 *
 *   node scripts/release/publish.mjs ROOT [--tag TAG] [--no-check]
 *
 * Prints `New tag:` for each package of the workspace, as the action of changesets reads it, and makes the git tag.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
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

const run = (file, args) =>
  execFileSync(file, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** Of pnpm itself: npx takes longer to find it than it takes to pack. */
const pnpm = run('npx', ['-y', '-p', 'pnpm@12', 'which', 'pnpm']).trim();

const all = publishedPackages(root).flatMap(({ folder }) => {
  const home = join(root, folder);
  const platforms = join(home, 'npm');
  // First: nobody must get the package without its machine code.
  const first = existsSync(platforms) ? readdirSync(platforms).map((name) => join(platforms, name)) : [];
  return [
    ...first.map((path) => ({ home: path, ...readManifest(path), pack: packPlatform })),
    { home, ...readManifest(home), pack, isTagged: true },
  ];
});

const isThere = await side((each) => registryHas(each.name, each.version), all);
const missing = all.filter((_, index) => !isThere[index]);
const tarballs = await side(({ home, pack: packIt }) => packIt(home), missing);

for (const [index, { name, version, isTagged = false }] of missing.entries()) {
  const tarball = resolve(packed, tarballs[index]);
  run('npm', ['publish', tarball, '--access', 'public', '--tag', values.tag, '--loglevel', 'error']);
  console.log(`published ${name}@${version}`);
  if (!isTagged) continue;
  const tag = `${name}@${version}`;
  if (spawnSync('git', ['rev-parse', '-q', '--verify', `refs/tags/${tag}`], { cwd: root }).status !== 0)
    run('git', ['tag', tag, '-m', tag]);
  console.log(`New tag: ${tag}`);
}

/** By pnpm, which writes versions in place of `workspace:`. */
async function pack(home) {
  const { stdout } = await ended(pnpm, ['pack', '--json', '--pack-destination', packed], home);
  const [{ filename }] = [JSON.parse(stdout)].flat();
  if (values.check) {
    await ended(join(root, 'node_modules/.bin/publint'), ['--strict', filename]);
    await ended(join(root, 'node_modules/.bin/attw'), [filename, '--profile', 'esm-only']);
  }
  return filename;
}

async function packPlatform(home) {
  const { stdout } = await ended('npm', ['pack', '--pack-destination', packed, '--silent'], home);
  return stdout.trim();
}

async function registryHas(name, version) {
  const { code, stdout, stderr } = await outcome('npm', ['view', `${name}@${version}`, 'version', '--json']);
  if (code === 0) return stdout.trim() !== '';
  if (/E404/.test(stdout + stderr)) return false;
  throw new Error(`npm view ${name}: ${stderr}`);
}

/** `act` for all of `items`, as many at a time as there are processors. @returns what it gave, in their order. */
async function side(act, items) {
  const given = [];
  const next = items.entries();
  const lane = async () => {
    for (const [index, item] of next) given[index] = await act(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return given;
}

/** @throws Error with all that it said, if it fails. */
async function ended(file, args, cwd = root) {
  const { code, stdout, stderr } = await outcome(file, args, cwd);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return { stdout };
}

function outcome(file, args, cwd = root) {
  return new Promise((done, fail) => {
    execFile(file, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      // A number: it ran. Else it could not be started, or was ended.
      if (error !== null && typeof error.code !== 'number') fail(error);
      else done({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}
