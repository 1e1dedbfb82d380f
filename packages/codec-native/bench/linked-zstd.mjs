import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Builds the zstd that this package links as a shared library, as a distribution would: what QEMU's calls make of it
 * tells what the version does from what this package does.
 * @returns the folder that it is in.
 */
export function buildLinkedZstd(root, folder) {
  const metadata = execFileSync('cargo', ['metadata', '--locked', '--format-version', '1'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const { manifest_path } = JSON.parse(metadata).packages.find(({ name }) => name === 'zstd-sys');
  const library = join(dirname(manifest_path), 'zstd/lib');
  const sources = ['common', 'compress', 'decompress'].flatMap((part) =>
    readdirSync(join(library, part))
      .filter((name) => /\.[cS]$/.test(name))
      .map((name) => join(library, part, name)),
  );
  const target = join(folder, 'linked-zstd');
  mkdirSync(target);
  execFileSync('cc', ['-O3', '-w', '-fPIC', '-shared', ...sources, '-o', join(target, 'libzstd.so.1')]);
  return target;
}
