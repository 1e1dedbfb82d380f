import { defineConfig } from 'tsup';

export default defineConfig({
  // Each file in src/threads is the entry of a worker thread and must stay a file of its own.
  entry: ['src/cli.ts', 'src/threads/*.ts'],
  format: ['esm'],
  target: 'node22',
  dts: false,
  sourcemap: true,
  clean: true,
});
