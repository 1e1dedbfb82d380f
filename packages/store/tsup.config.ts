import { defineConfig } from 'tsup';

const build = { format: ['esm' as const], target: 'node22', dts: false, sourcemap: true };

export default defineConfig([
  { ...build, entry: ['src/index.ts'], splitting: false },
  // What threads load, each in one file: a worker's entry, and the guest memory that core's threads open.
  {
    ...build,
    entry: { 'ingest-thread': 'src/write/ingest-thread.ts', blocks: 'src/read/blocks.ts' },
    splitting: false,
  },
]);
