import { defineConfig } from 'tsup';

export default defineConfig({
  // Each file in src/threads is the entry of a worker thread, each in src/processes that of a process: they stay files of their own.
  entry: ['src/cli.ts', 'src/threads/*.ts', 'src/processes/*.ts'],
  format: ['esm'],
  target: 'node22',
  dts: false,
  sourcemap: true,
  clean: true,
});
