import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { probe } from '@multifd/host-linux';
import { describe, expect, it } from 'vitest';
import { childrenOf, eventually, isAlive, run, start } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const TINY = ['--size', '16M', '--channels', '2', '--detection', 'multifd', '--runs', '2'];

/** A program that says it is a QEMU, and then is none. */
function falseQemu(folder: string): string {
  const path = join(folder, 'false-qemu');
  writeFileSync(
    path,
    '#!/bin/sh\n[ "$1" = --version ] && { echo "QEMU emulator version 9.9.9"; exit; }\necho "no luck today" >&2\nexit 1\n',
  );
  chmodSync(path, 0o755);
  return path;
}

/** What names a run of this process, behind the PID namespace. */
function own(): string {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return `-${process.pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}-`;
}

describe.runIf(process.platform === 'linux')('multifd bench', () => {
  it('measures multifd alone, and shows the same again from its samples', async () => {
    const folder = tempDirectory();
    const file = join(folder, 'samples.jsonl');
    const args = ['bench', ...TINY, '--scenario', 'half,untouched', '--images', folder];
    const ended = await run([
      ...args,
      '--peer',
      'none',
      '--wire',
      'multifd,qemu',
      '--samples',
      file,
      '--json',
    ]);
    expect(ended.code, ended.stderr).toBe(0);
    const document = JSON.parse(ended.stdout);
    expect(document).toMatchObject({ 'schema-version': 1, command: 'bench', status: 'completed' });
    const rows = document.results.map((row: { name: string }) => row.name);
    expect(rows).toEqual(['16 MiB half, 2 channels', '16 MiB untouched, 2 channels']);
    for (const row of document.results) {
      const ceilings = row.scenario === 'half' ? ['plain read', 'plain copy'] : [];
      const names = row.contenders.map(({ name }: { name: string }) => name);
      expect(names).toEqual(['multifd', 'multifd --wire qemu', ...ceilings]);
      for (const { name, failed, samples } of row.contenders) {
        expect(failed).toBeNull();
        expect(samples).toHaveLength(2);
        for (const sample of samples) {
          expect(sample['total-time']).toBeGreaterThan(0);
          if (name === 'plain copy') expect(sample.transferred).toBe(8 * 2 ** 20);
          if (name !== 'plain read')
            expect(sample.transferred).toBeGreaterThan(row.scenario === 'half' ? 6 * 2 ** 20 : 0);
          for (const of of ['cpu-time', 'peak-rss', 'page-faults']) {
            expect(sample[of].source).toBeGreaterThan(0);
            if (name !== 'plain read') expect(sample[of].destination).toBeGreaterThan(0);
          }
        }
      }
    }
    expect(document.findings.map(({ row }: { row: string }) => row)).toEqual([rows[0], rows[0]]);
    expect(ended.stderr).toMatch(/16 MiB half, 2 channels, multifd, run 2 of 2: /);
    // Nothing but the samples stays.
    expect(readdirSync(folder)).toEqual(['samples.jsonl']);

    const again = await run(['bench', '--from', file, '--json']);
    expect(again).toMatchObject({ code: 0, stderr: '', stdout: ended.stdout });
    const text = await run(['bench', '--from', file]);
    expect(text.stdout).toMatch(/^\| 16 MiB half, 2 channels: multifd --wire qemu +\|/m);
  });

  it('measures with TLS, and says what was negotiated', async () => {
    const folder = tempDirectory();
    const file = join(folder, 'samples.jsonl');
    const args = ['bench', ...TINY, '--scenario', 'half', '--images', folder, '--peer', 'none', '--tls'];
    const ended = await run([...args, '--no-ceilings', '--samples', file, '--json']);
    expect(ended.code, ended.stderr).toBe(0);
    const [row] = JSON.parse(ended.stdout).results;
    expect(row).toMatchObject({ name: '16 MiB half, TLS, 2 channels', tls: true });
    const [{ samples }] = row.contenders;
    expect(samples).toHaveLength(2);
    const channels = probe().ok ? 'host-linux' : 'node:tls';
    for (const { tls } of samples)
      expect(tls).toEqual({ version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', channels });
    // The credentials are gone, too.
    expect(readdirSync(folder)).toEqual(['samples.jsonl']);
    const text = await run(['bench', '--from', file]);
    expect(text.stdout).toContain(`TLS: TLSv1.3, TLS_AES_256_GCM_SHA384, channels by ${channels} (multifd).`);
  });

  it('a contender that fails is named, has no figure, and takes nothing from the others', async () => {
    const folder = tempDirectory();
    const peer = falseQemu(folder);
    const ended = await run([
      'bench',
      ...TINY,
      '--scenario',
      'zero',
      '--images',
      folder,
      '--peer',
      peer,
      '--json',
    ]);
    expect(ended.code, ended.stderr).toBe(1);
    const document = JSON.parse(ended.stdout);
    expect(document).toMatchObject({
      status: 'failed',
      'error-class': 'io',
      'error-desc': '16 MiB zero, 2 channels: QEMU 9.9.9 failed: it did not start: no luck today',
    });
    const [ours, theirs] = document.results[0].contenders;
    expect(ours).toMatchObject({ name: 'multifd', failed: null });
    expect(ours.samples).toHaveLength(2);
    expect(theirs).toMatchObject({
      name: 'QEMU 9.9.9',
      failed: 'it did not start: no luck today',
      'total-time': null,
      samples: [],
    });
    expect(readdirSync(folder)).toEqual(['false-qemu']);
  });

  it('says in one line that there is no QEMU', async () => {
    const folder = tempDirectory();
    const args = ['bench', ...TINY, '--scenario', 'untouched', '--images', folder];
    const ended = await run(args, { env: { ...process.env, PATH: folder } });
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('multifd: no qemu-system-x86_64 on PATH: only multifd is measured');
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const folder = tempDirectory();
    const bench = start(['bench', '--size', '64M', '--runs', '1000', '--peer', 'none', '--images', folder]);
    await bench.says(/run 1 of 1000: /);
    const children = childrenOf(bench.child.pid);
    bench.child.kill('SIGINT');
    expect(await bench.ended).toMatchObject({ code: 130 });
    await eventually('its children are gone', () => !children.some(isAlive), 60_000);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('removes what a run that was killed has left, and nothing else', async () => {
    const folder = tempDirectory();
    const bench = start(['bench', '--size', '64M', '--runs', '1000', '--peer', 'none', '--images', folder]);
    await bench.says(/run 1 of 1000: /);
    const children = childrenOf(bench.child.pid);
    bench.child.kill('SIGKILL');
    const { stderr } = await bench.ended;
    // A destination that waits for its source would wait for ever.
    await eventually('its children are gone', () => !children.some(isAlive), 60_000);
    expect(stderr).not.toMatch(/EPIPE/);
    const [left = ''] = readdirSync(folder);
    expect(left).toMatch(/^multifd-bench-\d+-\d+-\d+-\w{6}$/);
    // As of another PID namespace, of a run that goes on (this process's start is the kernel's to tell), and of nobody.
    const others = [
      left.replace(/bench-\d+/, 'bench-1'),
      left.replace(/-\d+-\d+-(?=\w+$)/, own()),
      'multifd-bench-x',
    ];
    for (const other of others) mkdirSync(join(folder, other));
    const ended = await run(['bench', ...TINY, '--scenario', 'zero', '--peer', 'none', '--images', folder]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(others.sort());
  });

  it('keeps the samples of rows that were measured before it is stopped', async () => {
    const folder = tempDirectory();
    const file = join(folder, 'samples.jsonl');
    const args = ['--size', '16M', '--runs', '1', '--peer', 'none', '--images', folder, '--samples', file];
    const bench = start(['bench', '--scenario', 'zero', '--channels', '1,2,4,8', ...args]);
    await eventually('a row is there', () => existsSync(file), 100_000);
    bench.child.kill('SIGTERM');
    expect(await bench.ended).toMatchObject({ code: 130 });
    expect(readFileSync(file, 'utf8').split('\n').length).toBeGreaterThanOrEqual(3);
    expect((await run(['bench', '--from', file])).code).toBe(0);
  });

  it.each([
    [['--scenario', 'ful'], /--scenario must be one of .*\nhint: did you mean full\?/],
    [['--channels', '0'], /--channels must be a whole number from 1 to 255/],
    [['--detection', 'multi'], /--detection must be one of/],
    [['--size', '1000'], /--size must be a multiple of 1M, 16M to 64T/],
    [['--runs', '0'], /--runs must be a whole number from 1 to 1000/],
    [['--peer', '/does/not/exist'], /--peer: there is no program "\/does\/not\/exist"/],
    [['--peer', process.execPath], /--peer: ".*" is no QEMU/],
    [['--from', '/does/not/exist'], /cannot read samples from/],
    [['--from', 'x', '--detection', 'none'], /--from measures nothing: --zero-page-detection has no meaning/],
    [['--images', '/does/not/exist'], /no folder for the guests' memory in \/does\/not\/exist/],
  ])('refuses %j', async (args, message) => {
    const ended = await run(['bench', ...args]);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    const json = await run(['bench', ...args, '--json']);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({
      command: 'bench',
      status: 'failed',
      'error-class': 'usage',
    });
  });
});
