import { defineConfig } from 'tsup';

export default defineConfig([
  {
    // Each file in src/threads is the entry of a worker thread, each in src/processes that of a process: they stay files of their own.
    entry: ['src/cli.ts', 'src/threads/*.ts', 'src/processes/*.ts'],
    format: ['esm'],
    target: 'node22',
    dts: false,
    sourcemap: true,
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
