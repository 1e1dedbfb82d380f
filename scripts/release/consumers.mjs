/** Strangers of several kinds, who have an empty folder, one Node, and plain npm. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from '../docs/guide.mjs';
import { checkCommandRefuses, checkImport } from '../nodes/floor.mjs';
import { readManifest } from './packages.mjs';
import { person } from './person.mjs';
import { checkReadme } from './readers.mjs';

/**
 * Each package alone: everything that it exports imports. Prints what it brings along. Then its README: what that says to
 * install, and its examples. One called `.test.mjs` takes a while and runs if `slow`.
 */
export function checkInstalled(node, folder, packages, env, slow) {
  const { run, npm, version } = person(node, folder, env);
  for (const each of packages) {
    const { name, exports, bin } = each;
    const home = join(folder, name.replace('/', '-'));
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    npm(home, 'install', name);
    const { scripts, devDependencies } = readManifest(join(home, 'node_modules', name));
    if (scripts !== undefined || devDependencies !== undefined)
      throw new Error(`${name}: its package.json names what only the workspace has`);
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    for (const entry of entries) {
      const specifier = `${name}${entry.slice(1)}`;
      run(home, node, '--input-type=module', '-e', `await import('${specifier}')`);
    }
    const what = bin === undefined ? `${entries.length} entries import` : 'installs';
    const size = sizeOf(join(home, 'node_modules'));
    console.log(`${version} ${name}: ${what}; ${size}; ${checkReadme(node, home, each, env, slow)}`);
  }
}

/** The command, installed for all: one migration, every byte compared. */
export function checkGlobal(node, folder, env) {
  const { run, npm, version } = person(node, folder, env);
  npm(folder, 'install', '--global', '--prefix', join(folder, 'prefix'), '@multifd/cli');
  const command = join(folder, 'prefix/bin/multifd');
  const answer = JSON.parse(run(folder, command, 'migrate', 'demo:64M,zero=0.5', '--json'));
  const { status, verified, host, accelerator } = answer;
  if (status !== 'completed' || verified !== true)
    throw new Error(`${version}: ${status}, verified ${verified}`);
  console.log(
    `${version} multifd migrate: completed and verified, by ${accelerator?.name} and ${host?.name ?? 'Node'}`,
  );
}

/** Somebody whose Node is too old: what can load does, and the rest says in one line which Node it needs. */
export function checkTooOld(node, folder, packages, env) {
  const { npm, version } = person(node, folder, env);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  npm(folder, 'install', ...packages.map(({ name }) => name));
  const on = { node, version: version.slice('Node '.length), cwd: folder };
  const refused = packages.flatMap(({ name, exports, engines }) =>
    Object.keys(exports)
      .filter((entry) => entry !== './package.json')
      .filter((entry) => {
        const specifier = `${name}${entry.slice(1)}`;
        return !checkImport({ ...on, name, specifier, isMain: entry === '.', range: engines.node });
      })
      .map((entry) => `${name}${entry.slice(1)}`),
  );
  // By its name: what npm has put there must come to it on this Node too.
  const command = () => [join(folder, 'node_modules/.bin/multifd'), ['migrate']];
  checkCommandRefuses({ ...on, env: { ...env, PATH: `${dirname(node)}:${env.PATH}` }, command });
  console.log(`${version}: in one line why not: ${refused.join(', ')}, multifd; the others import`);
}

/** A program in strict TypeScript that checks the declarations of what it imports too. */
export function checkTypes(node, folder, packages, env) {
  const { run, npm, version } = person(node, folder, env);
  const libraries = packages.filter(({ bin }) => bin === undefined);
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  npm(folder, 'install', 'typescript@7.0.2', '@types/node@26.6.6', ...libraries.map(({ name }) => name));
  const specifiers = libraries.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((entry) => entry !== './package.json')
      .map((entry) => `${name}${entry.slice(1)}`),
  );
  const imports = specifiers.map((specifier, at) => `import * as p${at} from '${specifier}';`);
  const uses = specifiers.map((_, at) => `p${at}`);
  writeFileSync(join(folder, 'program.ts'), `${imports.join('\n')}\nconsole.log([${uses}].length);\n`);
  // Core's examples: what a stranger copies has to compile, whatever `tsc --init` turns on.
  const core = libraries.find(({ name }) => name === '@multifd/core');
  const examples = [...codeOf(core.readme).files].map(([name, code]) => [`${name}.ts`, code]);
  for (const [file, code] of examples) writeFileSync(join(folder, file), code);
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2024',
    lib: ['es2024', 'esnext.sharedmemory'],
    module: 'nodenext',
    types: ['node'],
  };
  const include = ['program.ts', ...examples.map(([file]) => file)];
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
  const tsc = join(folder, 'node_modules/typescript/bin/tsc');
  run(folder, node, tsc, '-p', folder);
  // As `tsc --init` writes it: no types are there unless somebody asks for them.
  const { lib, ...others } = compilerOptions;
  const initial = { compilerOptions: { ...others, target: 'esnext', types: [] }, files: ['bare.ts'] };
  writeFileSync(join(folder, 'bare.ts'), `${imports.join('\n')}\nexport const all = [${uses}].length;\n`);
  writeFileSync(join(folder, 'tsconfig.initial.json'), JSON.stringify(initial));
  run(folder, node, tsc, '-p', join(folder, 'tsconfig.initial.json'));
  console.log(
    `${version} strict TypeScript, skipLibCheck false: ${specifiers.length} entries, ${include.slice(1).join(', ')}; also as tsc --init has it`,
  );
}

/** A patch of core alone: no second core comes. @param publish publishes it and returns its version. */
export function checkUpgrade(node, folder, publish, env) {
  const { npm, version } = person(node, folder, env);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  npm(folder, 'install', '@multifd/core', '@multifd/cli', '@multifd/accel-js');
  const next = publish();
  npm(folder, 'install', `@multifd/core@${next}`);
  const found = coresIn(folder, npm);
  if (found.join() !== `@multifd/core@${next}`) throw new Error(`cores: ${found.join(', ')}`);
  console.log(`${version} an update of core alone: one core, ${next}`);
}

/** A snapshot, by its tag: it brings one core, its own, beside a plug-in of the same snapshot; and the release stays what it is. */
export function checkSnapshot(node, folder, tag, env) {
  const { run, npm, version } = person(node, folder, env);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  npm(folder, 'install', `@multifd/cli@${tag}`, `@multifd/accel-js@${tag}`, `@multifd/core@${tag}`);
  const [core, ...others] = coresIn(folder, npm);
  if (others.length > 0 || !core.includes(`-${tag}-`))
    throw new Error(`cores: ${[core, ...others].join(', ')}`);
  const command = join(folder, 'node_modules/.bin/multifd');
  const { status, verified } = JSON.parse(run(folder, command, 'migrate', 'demo:64M,zero=0.5', '--json'));
  if (status !== 'completed' || verified !== true) throw new Error(`${status}, verified ${verified}`);
  const latest = JSON.parse(npm(folder, 'view', '@multifd/core', 'dist-tags.latest', '--json'));
  if (latest.includes('-')) throw new Error(`the snapshot has become the release: ${latest}`);
  console.log(`${version} a snapshot: ${core}, a migration is verified; the release is still ${latest}`);
}

/** @returns `@multifd/core@VERSION` of each that is installed. */
function coresIn(folder, npm) {
  const listed = npm(folder, 'ls', '@multifd/core', '--all', '--parseable', '--long');
  return [...new Set(listed.split('\n').flatMap((line) => /@multifd\/core@[^:]+/.exec(line)?.[0] ?? []))];
}

function sizeOf(folder) {
  const { bytes, packages } = below(folder);
  return `${packages} packages, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function below(folder) {
  let [bytes, packages] = [0, 0];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += statSync(join(entry.parentPath, entry.name)).size;
    if (entry.name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(entry.parentPath)) packages++;
  }
  return { bytes, packages };
}
