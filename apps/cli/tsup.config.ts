import { defineConfig } from 'tsup';

const build = { format: ['esm' as const], target: 'node22', dts: false, sourcemap: true };

/**
 * What is loaded when it is asked for: `main` once the version of Node is known to do, a benchmark, what makes certificates, what
 * serves metrics.
 * Each is one file with all that it imports, since a file more costs a start more than a millisecond.
 */
const LOADED_LATER = ['inherited-signals', 'main', 'bench-command', 'authority', 'metrics-server'];

export default defineConfig([
  {
    ...build,
    entry: {
      cli: 'src/cli.ts',
      main: 'src/main.ts',
      'inherited-signals': 'src/inherited-signals.ts',
      'bench-command': 'src/commands/bench-command.ts',
      authority: 'src/tls/authority.ts',
      'metrics-server': 'src/watch/metrics-server.ts',
    },
    splitting: false,
    external: LOADED_LATER.map((name) => new RegExp(`^\\./${name}\\.js$`)),
  },
  {
    ...build,
    // Each file in src/threads is the entry of a worker thread, each in src/processes that of a process.
    entry: ['src/threads/*.ts', 'src/processes/*.ts'],
    outDir: 'dist',
    splitting: false,
  },
  {
    // The script of a page, in one piece with its library: it is written into the page.
    entry: { 'page/draw': 'src/page/draw.ts' },
    format: ['iife'],
    platform: 'browser',
    target: 'es2022',
    minify: true,
    dts: false,
    outExtension: () => ({ js: '.js' }),
  },
]);
