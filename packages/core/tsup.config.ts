import { defineConfig } from 'tsup';

export default defineConfig({
  // Each file in src/entries is the entry of a worker thread and must stay a file of its own.
  entry: ['src/index.ts', 'src/entries/*.ts'],
  format: ['esm'],
  target: 'node26',
  dts: false,
  sourcemap: true,
  clean: true,
});
