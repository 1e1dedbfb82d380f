import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { slugOf } from '../scripts/pages.mjs';

const page = (text, link) => ({ text, link });
const packages = [
  'core',
  'cli',
  'accel-js',
  'accel-wasm',
  'accel-native',
  'accel-gpu',
  'accel-dsa',
  'codec-zlib',
  'codec-zstd',
  'codec-native',
  'host-linux',
  'qemu',
  'store',
  'conformance',
];
const reference = join(import.meta.dirname, '../content/api/typedoc-sidebar.json');

export default defineConfig({
  title: 'multifd',
  description: "Live migration of guest memory over parallel channels, wire-compatible with QEMU's multifd",
  srcDir: 'content',
  outDir: 'dist',
  cacheDir: '.vitepress/cache',
  cleanUrls: true,
  metaChunk: true,
  // The page of the wire format is a long one.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  markdown: { anchor: { slugify: slugOf } },
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      page('Start', '/'),
      page('Guides', '/writing-an-accelerator'),
      page('API', '/api/'),
      page('Wire format', '/wire'),
    ],
    sidebar: {
      '/api/': existsSync(reference) ? JSON.parse(readFileSync(reference, 'utf8')) : [],
      '/': [
        {
          text: 'Guides',
          items: [
            page('What it is', '/'),
            page('A VMM with live migration', '/examples/live-vm'),
            page('A Linux in v86', '/examples/v86'),
            page('Writing an accelerator', '/writing-an-accelerator'),
            page('Writing a native accelerator', '/writing-a-native-accelerator'),
            page('Writing a codec', '/writing-a-codec'),
            page('QEMU on the other end', '/interop'),
            page('Operating', '/operating'),
            page('Guests at rest', '/snapshots'),
            page('A GPU', '/offload-gpu'),
            page('Intel DSA', '/offload-dsa'),
            page('Security', '/security'),
          ],
        },
        { text: 'Packages', items: packages.map((name) => page(`@multifd/${name}`, `/packages/${name}`)) },
        {
          text: 'How it works',
          items: [
            page('Architecture', '/architecture'),
            page('Reliability', '/reliability'),
            page('Wire format', '/wire'),
            page("The store's format", '/store-format'),
            page('Decisions', '/decisions/'),
            page('Benchmarks', '/benchmarks'),
            page('Performance notes', '/performance-notes'),
          ],
        },
        {
          text: 'Taking part',
          items: [
            page('Contributing', '/contributing'),
            page('Reporting a hole', '/security-policy'),
            page('Releasing', '/releasing'),
            page('A custom accelerator', '/examples/custom-accelerator'),
            page('A custom codec', '/examples/custom-codec'),
          ],
        },
      ],
    },
  },
});
