/**
 * Makes the working tree what is published; run it in a checkout that is thrown away. In each package: the repository's
 * address, a LICENSE, the pages of `docs` that its text cites, links that work outside of the repository, and for addons a
 * package for each platform.
 *
 *   node scripts/release/prepare.mjs ROOT --repository URL|none [--addons FOLDER] [--some-platforms]
 *
 * With `none` the packages name no address, and what would lead there are words.
 *
 * FOLDER holds the addons of all platforms, however deep; without it each package's own `native` is taken. One that is missing
 * is an error, unless --some-platforms says that this is a rehearsal.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { citedDocs, linksForPackage } from './links.mjs';
import { PLATFORMS, publishedPackages } from './packages.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repository: { type: 'string' },
    addons: { type: 'string' },
    'some-platforms': { type: 'boolean', default: false },
  },
});
const [root = '.'] = positionals;
const { addons } = values;
const repository = values.repository === 'none' ? undefined : values.repository;
if (values.repository === undefined)
  throw new Error('--repository: the address that the packages name, or none');

const missing = [];
const all = publishedPackages(root);
for (const { folder, manifest } of all) {
  const home = join(root, folder);
  const links = linksOf(folder);
  const optional = manifest.napi === undefined ? {} : platformPackages(home, manifest, links);
  const docs = shipDocs(folder);
  // What only the workspace needs goes: one of these packages is on no registry.
  const { scripts: _scripts, devDependencies: _devDependencies, ...published } = manifest;
  const full = { ...published, ...links };
  if (docs.size > 0) full.files = [...manifest.files, 'docs'];
  if (manifest.napi !== undefined) full.optionalDependencies = optional;
  if (manifest.peerDependencies !== undefined) full.peerDependencies = peersOf(manifest);
  write(join(home, 'package.json'), full);
  copyFileSync(join(root, 'LICENSE'), join(home, 'LICENSE'));
  const readme = join(home, 'README.md');
  writeFileSync(readme, linked(readFileSync(readme, 'utf8'), folder, `${folder}/README.md`, docs));
}
if (missing.length > 0) {
  console.log(`no addon: ${missing.join(', ')}`);
  if (!values['some-platforms']) process.exitCode = 1;
}

/** Those of a snapshot are of the same snapshot: no range takes a version such as 0.0.0-next-20261129. */
function peersOf({ version, peerDependencies }) {
  if (!version.includes('-')) return peerDependencies;
  const ours = new Map(all.map(({ manifest }) => [manifest.name, manifest.version]));
  return Object.fromEntries(
    Object.entries(peerDependencies).map(([name, range]) => [name, ours.get(name) ?? range]),
  );
}

function linksOf(folder) {
  if (repository === undefined) return {};
  return {
    repository: { type: 'git', url: `git+${repository}.git`, directory: folder },
    homepage: `${repository}/tree/HEAD/${folder}#readme`,
    bugs: `${repository}/issues`,
  };
}

/** Puts beside the package's text what that cites. @returns the names of these pages. */
function shipDocs(folder) {
  const home = join(root, folder);
  const to = join(home, 'docs');
  rmSync(to, { recursive: true, force: true });
  const texts = [join(home, 'README.md'), ...textsBelow(join(home, 'dist'))];
  const docs = new Set(texts.flatMap((path) => citedDocs(readFileSync(path, 'utf8'))));
  if (docs.size > 0) mkdirSync(to);
  for (const doc of docs) {
    const page = readFileSync(join(root, 'docs', doc), 'utf8');
    writeFileSync(join(to, doc), linked(page, folder, `docs/${doc}`, docs));
  }
  return docs;
}

function textsBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|d\.ts)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function linked(markdown, folder, page, shipped) {
  const ours = new Map(all.map((each) => [each.folder, each.manifest.name]));
  return linksForPackage(markdown, { folder, page, shipped, ours, repository });
}

/** @returns the optional dependencies. No `engines`: npm leaves out a package of another Node without a word. */
function platformPackages(home, { name, version, license, description, napi }, links) {
  rmSync(join(home, 'npm'), { recursive: true, force: true });
  const optional = {};
  for (const target of napi.targets) {
    const { suffix, os, cpu, libc } = PLATFORMS[target];
    const file = `${napi.binaryName}.${suffix}.node`;
    const addon = find(addons ?? join(home, 'native'), file);
    if (addon === undefined) {
      missing.push(file);
      continue;
    }
    const to = join(home, 'npm', suffix);
    mkdirSync(to, { recursive: true });
    copyFileSync(addon, join(to, file));
    copyFileSync(join(root, 'LICENSE'), join(to, 'LICENSE'));
    writeFileSync(
      join(to, 'README.md'),
      `# ${name}-${suffix}\n\nThe machine code of \`${name}\` for ${suffix}; npm installs it with that.\n`,
    );
    write(join(to, 'package.json'), {
      name: `${name}-${suffix}`,
      version,
      description: `${description} (${suffix})`,
      license,
      ...links,
      main: file,
      files: [file],
      os: [os],
      cpu: [cpu],
      ...(libc === undefined ? {} : { libc: [libc] }),
    });
    optional[`${name}-${suffix}`] = version;
  }
  return optional;
}

function find(folder, file) {
  if (!existsSync(folder)) return undefined;
  const [found] = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name === file,
  );
  return found === undefined ? undefined : join(found.parentPath, found.name);
}

function write(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
