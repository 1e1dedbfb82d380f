/**
 * A release that reaches nobody: `changeset version` in a copy, everything published to a registry on loopback by the same
 * scripts as the real one, and installed from there with plain npm, as a stranger does.
 *
 *   node scripts/release/rehearse.mjs [22 24 26]     needs `dist` of all packages, and `native` of those with addons
 *   node scripts/release/rehearse.mjs --serve        publishes, and keeps the registry until SIGINT, for a stranger to try
 *
 * Only this machine's addons are published: what other platforms install is not rehearsed, and the list says so.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { checkSnapshot, checkTooOld, checkUpgrade } from './consumers.mjs';
import { nodeOf } from './nodes.mjs';
import { publishedPackages, readManifest } from './packages.mjs';
import { startRegistry } from './registry.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What a rehearsal publishes has no home, so its text must do without one. */
const NO_HOME = 'none';
/** The address that a snapshot's packages name: nothing is looked up there. */
const REPOSITORY = 'https://example.invalid/multifd';

/** A line of Node older than any that the packages take. */
const TOO_OLD = '20';

/** Tag of the snapshot, and a part of its versions. */
const SNAPSHOT = 'next';

const given = process.argv.slice(2);
const serves = given.includes('--serve');
const lines = given.length > 0 ? given : ['22', '24', '26'];
const folder = mkdtempSync(join(tmpdir(), 'multifd-rehearsal-'));
const registry = await startRegistry(join(folder, 'registry'));
try {
  const copy = copyOf(join(folder, 'copy'));
  const { run, script } = releaserOf(copy);

  const isFirst = readManifest(join(copy, 'packages/core')).version === '0.0.0';
  run(join(copy, 'node_modules/.bin/changeset'), 'version');
  if (isFirst) checkFirstChangelogs(copy);
  process.stdout.write(script('prepare.mjs', '--repository', NO_HOME, '--some-platforms'));
  process.stdout.write(script('publish.mjs'));
  if (serves) await serve();
  else await rehearse(copy, script);
} finally {
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function rehearse(copy, script) {
  const packages = packagesOf(copy);

  const [first, second = first] = lines;
  const last = lines.at(-1);
  await Promise.all(
    lines.map((line) =>
      tryOn({
        line,
        folder: join(folder, `on-${line}`),
        copy,
        packages,
        env: registry.env,
        // Each once; the guides on the oldest that runs their TypeScript.
        also: [
          ...(line === first ? ['guides'] : []),
          ...(line === second ? ['bundlers'] : []),
          ...(line === last ? ['types', 'slow examples'] : []),
        ],
      }),
    ),
  );
  checkTooOld(nodeOf(TOO_OLD, join(folder, 'too-old')), join(folder, 'on-too-old'), packages, registry.env);
  // These publish, so nobody else installs meanwhile.
  const node = nodeOf(last, join(folder, 'node'));
  checkUpgrade(node, join(folder, 'upgrade'), () => publishPatchOfCore(copy, script), registry.env);
  publishSnapshot(join(folder, 'snapshot'));
  checkSnapshot(node, join(folder, 'on-snapshot'), SNAPSHOT, registry.env);
  console.log('\nthe rehearsal passed');
}

/** Until SIGINT or SIGTERM. */
async function serve() {
  process.stdout.write(`
Everything is published on loopback. In an empty folder, with any Node and npm:

  export NPM_CONFIG_USERCONFIG=${registry.env.NPM_CONFIG_USERCONFIG}
  npm install @multifd/cli

SIGINT (Ctrl-C) ends this, and removes all of it.
`);
  const heldOpen = setInterval(() => {}, 2 ** 30);
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
  });
  clearInterval(heldOpen);
}

/** What git knows and what is new, with what was built; its own repository, so that tags stay in it. */
function copyOf(to) {
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 });
  execFileSync('git', ['clone', '--quiet', '--no-tags', ROOT, to]);
  for (const file of git('ls-files', '-z', '--modified', '--others', '--deleted', '--exclude-standard').split(
    '\0',
  )) {
    if (file === '') continue;
    if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(to, file));
    else rmSync(join(to, file), { force: true });
  }
  for (const { folder: home } of publishedPackages(ROOT)) {
    for (const built of ['dist', 'native', 'wasm']) {
      const from = join(ROOT, home, built);
      if (existsSync(from)) cpSync(from, join(to, home, built), { recursive: true });
    }
  }
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
  const name = ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@example.invalid'];
  execFileSync('git', [...name, 'commit', '--quiet', '--allow-empty', '-am', 'rehearsal'], { cwd: to });
  for (const [key, value] of [
    ['user.name', 'rehearsal'],
    ['user.email', 'rehearsal@example.invalid'],
  ])
    execFileSync('git', ['config', key, value], { cwd: to });
  mkdirSync(dirname(to), { recursive: true });
  return to;
}

/** @param setup what `line.mjs` gets. Rejects with what went wrong there. */
function tryOn(setup) {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./line.mjs', import.meta.url), { workerData: setup });
    thread.once('error', reject);
    thread.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`Node ${setup.line}: code ${code}`)),
    );
  });
}

/** How the workflow's steps are done in a copy. */
function releaserOf(copy) {
  const run = (command, ...args) =>
    execFileSync(command, args, {
      cwd: copy,
      encoding: 'utf8',
      env: registry.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const script = (name, ...args) => run(process.execPath, join(copy, 'scripts/release', name), copy, ...args);
  return { run, script };
}

/** All packages once more, as a commit that nobody has released, under a tag of its own. */
function publishSnapshot(to) {
  const copy = copyOf(to);
  const { run, script } = releaserOf(copy);
  run(join(copy, 'node_modules/.bin/changeset'), 'version', '--snapshot', SNAPSHOT);
  script('prepare.mjs', '--repository', REPOSITORY, '--some-platforms');
  script('publish.mjs', '--tag', SNAPSHOT, '--no-check');
}

/** They say what there is, in one item, and nothing of versions that nobody had. */
function checkFirstChangelogs(copy) {
  for (const { folder: home } of publishedPackages(copy)) {
    const items = readFileSync(join(copy, home, 'CHANGELOG.md'), 'utf8').match(/^- /gm) ?? [];
    if (items.length !== 1)
      throw new Error(`${home}/CHANGELOG.md: ${items.length} items in the first release`);
  }
}

/** What is published, with its README, and whether the machine code that it needs is here. */
function packagesOf(copy) {
  const all = publishedPackages(copy).map(({ folder: home }) => ({
    ...readManifest(join(copy, home)),
    readme: readFileSync(join(copy, home, 'README.md'), 'utf8'),
    // prepare.mjs has made a package for each platform whose addon is there.
    isBuilt: existsSync(join(copy, home, 'npm')),
  }));
  const hasAddon = ({ name, napi, isBuilt, dependencies = {} }) =>
    (napi === undefined || isBuilt) &&
    Object.keys(dependencies).every((needed) =>
      all.filter((each) => each.name === needed && needed !== name).every(hasAddon),
    );
  return all.map((each) => ({ ...each, hasAddon: hasAddon(each) }));
}

/** @returns its version. */
function publishPatchOfCore(copy, script) {
  const home = join(copy, 'packages/core');
  const { version } = readManifest(home);
  const [major, minor, patch] = version.split('.').map(Number);
  const next = `${major}.${minor}.${patch + 1}`;
  execFileSync('npm', ['pkg', 'set', `version=${next}`], { cwd: home, stdio: 'ignore' });
  process.stdout.write(script('publish.mjs', '--no-check'));
  return next;
}
