import { defineConfig } from 'tsup';

export default defineConfig({
  // faulty: for tests; it is not published.
  entry: ['src/index.ts', 'src/faulty.ts'],
  format: ['esm'],
  target: 'node22',
  dts: false,
  sourcemap: true,
  clean: true,
});
