/** Strangers who type what our guides say, in an empty folder. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../docs/guide.mjs';
import { citedDocs } from './links.mjs';
import { person } from './person.mjs';

/** Guides, with the folder that their `start` makes, and what their `try` must print. Some compile Rust. */
const GUIDES = [
  { page: 'docs/writing-an-accelerator.md', makes: 'my-accelerator', says: /accelerator: my-offload/ },
  {
    page: 'docs/writing-a-native-accelerator.md',
    makes: 'my-native-accelerator',
    says: /offloaded: \d+ pages by the device, [1-9]\d* on the CPU/,
    needsCargo: true,
  },
  { page: 'docs/writing-a-codec.md', makes: 'my-codec', says: /compression my-codec/ },
];

/** Each guide from its first command to its last: the suites pass, and a migration that uses the result is verified. */
export function checkGuides(node, folder, root, env) {
  // What napi-rs consists of is compiled there already, if machine code is built in this clone.
  const compiles = { CARGO_TARGET_DIR: join(import.meta.dirname, '../../target'), ...env };
  const { shell, version } = person(node, folder, compiles);
  for (const { page, makes, says, needsCargo = false } of GUIDES) {
    if (needsCargo && !hasCargo()) {
      console.log(`${version} ${page}: SKIPPED, no cargo on this machine`);
      continue;
    }
    const { files, commands } = codeOf(readFileSync(join(root, page), 'utf8'));
    if (files.size === 0 || !commands.has('start') || !commands.has('try'))
      throw new Error(`${page}: its code is not marked`);
    shell(folder, commands.get('start'));
    for (const [path, code] of files) {
      const file = join(folder, makes, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
    const output = shell(join(folder, makes), commands.get('try'));
    for (const wanted of [says, /^verified: /m])
      if (!wanted.test(output))
        throw new Error(`${page}: ${wanted} is not in what it printed: ${output.slice(-2000)}`);
    console.log(`${version} ${page}: ${files.size} files, its suite passes, a migration is verified`);
  }
}

/** @throws Error if there must be one, and is not. */
function hasCargo() {
  const isThere = spawnSync('cargo', ['--version']).status === 0;
  if (!isThere && process.env.MULTIFD_NATIVE === 'required') throw new Error('no cargo on this machine');
  return isThere;
}

/** The example of a VMM, out of the clone, as its README says. */
export function checkLiveVm(node, folder, root, env) {
  const { shell, version } = person(node, folder, env);
  const home = join(root, 'examples/live-vm');
  cpSync(join(home, 'src'), join(folder, 'src'), { recursive: true });
  const { commands } = codeOf(readFileSync(join(home, 'README.md'), 'utf8'));
  const output = shell(folder, commands.get('alone'));
  if (!/has moved twice/.test(output)) throw new Error(output);
  console.log(`${version} examples/live-vm: a machine has moved twice`);
}

/** Whoever has the package can follow each link of its text, and finds each page that it cites. */
function checkLinks(name, installed) {
  const pages = [
    'README.md',
    ...readdirSync(installed, { recursive: true }).filter((path) => /^docs\/.*\.md$/.test(path)),
  ];
  for (const page of pages) {
    const text = readFileSync(join(installed, page), 'utf8');
    for (const [, link] of text.matchAll(/\]\((?!#|https?:)([^)#\s]+)[^)]*\)/g)) {
      if (!existsSync(join(installed, dirname(page), link)))
        throw new Error(`${page} of ${name}: ${link} leads to no file of the package`);
    }
    if (text.includes('example.invalid')) throw new Error(`${page} of ${name}: a link to nowhere`);
  }
  const texts = readdirSync(installed, { recursive: true }).filter((path) =>
    /\.(js|d\.ts)$|^README\.md$/.test(path),
  );
  for (const path of texts.filter((each) => !each.startsWith('node_modules'))) {
    for (const doc of citedDocs(readFileSync(join(installed, path), 'utf8'))) {
      if (!existsSync(join(installed, 'docs', doc)))
        throw new Error(`${path} of ${name} cites docs/${doc}, which is not in the package`);
    }
  }
}

/**
 * A package's README opens with what to type: that installs, and each example runs and prints what its comments say.
 *
 * @param each the package, with its README, and whether its machine code is here.
 * @returns in words what was done.
 */
export function checkReadme(node, home, { name, bin, readme, hasAddon }, env, slow) {
  const { run, shell } = person(node, home, env);
  const { files, commands } = codeOf(readme);
  checkLinks(name, join(home, 'node_modules', name));
  const install = commands.get('install');
  if (install === undefined || !new RegExp(`^npm install .*${name}\\b`).test(install))
    throw new Error(`README of ${name}: no \`sh install\` with npm install ${name}`);
  // The command is installed for all elsewhere; core's two examples talk to each other, and a test of their own runs them.
  if (bin !== undefined) return 'README: its command';
  shell(home, install);
  const examples = [...files].filter(([file]) => file.endsWith('.mjs'));
  if (examples.length === 0 && name !== '@multifd/core') throw new Error(`README of ${name}: no example`);
  if (!hasAddon) return 'README: SKIPPED, its machine code is not built here';
  const tried = examples.filter(([file]) => slow || !file.endsWith('.test.mjs'));
  for (const [file, code] of tried) {
    writeFileSync(join(home, file), code);
    const printed = run(home, node, ...(file.endsWith('.test.mjs') ? ['--test'] : []), file);
    for (const [, wanted] of code.matchAll(/^console\.log\(.*\); \/\/ (.+)$/gm))
      if (!printed.includes(wanted)) throw new Error(`README of ${name}: not "${wanted}" but ${printed}`);
  }
  return `README: ${tried.map(([file]) => file).join(', ') || 'installs'}`;
}
