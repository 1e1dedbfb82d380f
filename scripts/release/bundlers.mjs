/** Strangers who bundle their program. Bundled whole it must say what to do; with our packages as external it must migrate. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { person } from './person.mjs';

/** Those that docs name. rolldown comes with vite. */
const VERSIONS = {
  esbuild: '0.28.2',
  vite: '8.4.0',
  rolldown: '1.3.3',
  webpack: '5.113.0',
  'webpack-cli': '7.3.1',
};

const PROGRAM = `
import { allocateGuestRam, migrate, receive } from '@multifd/core';

try {
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
  const { statistics } = await migrate({
    guest: { ram: allocateGuestRam([{ name: 'vm.ram', length: 8 * 2 ** 20 }]) },
    to: incoming.address,
    accelerator: { module: import.meta.resolve('@multifd/accel-js'), name: 'js' },
  });
  await incoming.result;
  console.log('completed,', statistics.zeroPages, 'zero pages');
} catch (error) {
  console.log(error.message + ':', error.hint);
}
`;

/** Text of webpack's configuration. `importMeta: false` leaves \`import.meta.resolve\` to Node. */
const webpack = (extra) => `export default {
  mode: 'production',
  target: 'node22',
  entry: './program.mjs',
  experiments: { outputModule: true },
  output: { path: import.meta.dirname, filename: OUT, module: true, chunkFormat: 'module' },
  module: { parser: { javascript: { importMeta: false } } },
  ${extra}
};`;

const FILES = {
  'package.json': '{"private":true,"type":"module"}',
  'program.mjs': PROGRAM,
  'vite.whole.mjs': 'export default { ssr: { noExternal: true } };',
  'webpack.whole.mjs': webpack('').replace('OUT', "'webpack-whole.mjs'"),
  'webpack.external.mjs': webpack("externals: [/^@multifd\\//], externalsType: 'module',").replace(
    'OUT',
    "'webpack-external.mjs'",
  ),
};

/** How each one is asked, and what it makes. vite leaves packages out by itself when it builds for a server. */
const BUNDLES = [
  [
    'esbuild',
    'esbuild program.mjs --bundle --platform=node --format=esm',
    '--external:@multifd/*',
    '--outfile=',
  ],
  ['rolldown', 'rolldown program.mjs --platform node --format esm', '--external @multifd/core', '-o '],
];
const COMMANDS = [
  ...BUNDLES.flatMap(([name, build, external, out]) => [
    { name, whole: true, build: `${build} ${out}${name}-whole.mjs`, makes: `${name}-whole.mjs` },
    {
      name,
      whole: false,
      build: `${build} ${external} ${out}${name}-external.mjs`,
      makes: `${name}-external.mjs`,
    },
  ]),
  ...['whole', 'external'].flatMap((kind) => [
    {
      name: 'webpack',
      whole: kind === 'whole',
      build: `webpack -c webpack.${kind}.mjs`,
      makes: `webpack-${kind}.mjs`,
    },
    {
      name: 'vite',
      whole: kind === 'whole',
      build: `vite build --ssr program.mjs --outDir vite-${kind}${kind === 'whole' ? ' -c vite.whole.mjs' : ''}`,
      makes: `vite-${kind}/program.js`,
    },
  ]),
];

export function checkBundlers(node, folder, env) {
  const { run, npm, shell, version } = person(node, folder, env);
  for (const [file, text] of Object.entries(FILES)) writeFileSync(join(folder, file), text);
  const tools = Object.entries(VERSIONS).map(([name, exact]) => `${name}@${exact}`);
  npm(folder, 'install', '@multifd/core', '@multifd/accel-js', ...tools);
  for (const { name, whole, build, makes } of COMMANDS) {
    shell(folder, `PATH=node_modules/.bin:$PATH; ${build} 2>&1`);
    const said = run(folder, node, makes).trim();
    const wanted = whole ? /^@multifd\/core was bundled.*external/ : /^completed, 2048 zero pages$/;
    if (!wanted.test(said)) throw new Error(`${name}, ${whole ? 'whole' : 'external'}: ${said}`);
  }
  const named = tools.filter((tool) => !tool.startsWith('webpack-cli')).join(', ');
  console.log(`${version} ${named}: bundled whole it says what to do, with @multifd/* external it migrates`);
}
