import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findQemu, installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { run } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** The parts of a document that are looked at. */
interface Contender {
  readonly name: string;
  readonly failed: string | null;
  readonly samples: readonly Record<string, number & { source: number; destination: number }>[];
}

describe.each(installedQemus())('multifd bench beside QEMU %s', (release) => {
  it('moves the same guest from this QEMU to itself', async () => {
    const folder = tempDirectory();
    const file = join(folder, 'samples.jsonl');
    const ended = await run([
      ...['bench', '--scenario', 'half', '--size', '64M', '--channels', '2', '--runs', '1'],
      ...['--detection', 'legacy,multifd', '--peer', findQemu(release) ?? '', '--images', folder],
      ...['--cross', '--samples', file, '--json'],
    ]);
    const document = JSON.parse(ended.stdout);
    const [legacy, multifd] = document.results.map(
      ({ contenders }: { contenders: Contender[] }) => contenders,
    );
    // Where zero pages are found by the migration thread only, that is all that can be compared.
    const rows = release === '7.2' ? [legacy] : [legacy, multifd];
    expect(ended.code, ended.stderr).toBe(release === '7.2' ? 1 : 0);
    if (release === '7.2') {
      const ways = multifd.map(({ failed }: Contender) => failed);
      const old = 'it is too old for zero-page-detection multifd';
      expect(ways).toEqual([null, old, old, old, null, null]);
    }
    for (const contenders of rows) {
      const names = contenders.map(({ name }: Contender) => name);
      const qemu = names[1];
      expect(qemu).toMatch(new RegExp(`^QEMU ${release.replace('.', '\\.')}\\.`));
      expect(names).toEqual([
        ...['multifd', qemu, `${qemu} to multifd`, `multifd to ${qemu}`],
        ...['plain read', 'plain copy'],
      ]);
      for (const { name, failed, samples } of contenders) {
        expect(failed, name).toBeNull();
        expect(samples).toHaveLength(1);
        const [sample] = samples;
        expect(sample['total-time']).toBeGreaterThan(0);
        if (name === 'plain read') continue;
        // Half of it, and what a header takes.
        expect(sample.transferred, name).toBeGreaterThan(28 * 2 ** 20);
        expect(sample.transferred, name).toBeLessThan(36 * 2 ** 20);
        expect(sample['peak-rss'].destination, name).toBeGreaterThan(28 * 2 ** 20);
        // A guest in small pages faults in each of its pages once.
        expect(sample['page-faults'].destination, name).toBeGreaterThan(0);
      }
    }
    const told = document.findings.filter(({ words }: { words: string }) => / of CPU to its /.test(words));
    expect(told).toHaveLength(3 * rows.length);
    expect(readdirSync(folder)).toEqual(['samples.jsonl']);
    const text = await run(['bench', '--from', file]);
    expect(text.stdout).toContain(`times as fast as ${multifd[1].name}`);
  });

  it('does so with TLS, and all of them agree on the same cipher', async () => {
    const folder = tempDirectory();
    const ended = await run([
      ...['bench', '--scenario', 'half', '--size', '64M', '--channels', '2', '--runs', '1', '--tls'],
      ...['--detection', 'legacy', '--peer', findQemu(release) ?? '', '--images', folder],
      ...['--cross', '--no-ceilings', '--json'],
    ]);
    expect(ended.code, ended.stderr).toBe(0);
    const [{ contenders }] = JSON.parse(ended.stdout).results;
    expect(contenders).toHaveLength(4);
    for (const { name, failed, samples } of contenders) {
      expect(failed, name).toBeNull();
      expect(samples[0].tls, name).toMatchObject({ version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' });
      expect(samples[0].transferred, name).toBeGreaterThan(28 * 2 ** 20);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
