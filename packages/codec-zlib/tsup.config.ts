import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm'],
  target: 'node26',
  dts: false,
  sourcemap: true,
  clean: true,
});
