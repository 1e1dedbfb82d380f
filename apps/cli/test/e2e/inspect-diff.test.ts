import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { openMappedRam } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { run } from '../helpers/cli.js';
import { content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;
const vector = (name: string): Buffer =>
  gunzipSync(
    readFileSync(
      fileURLToPath(new URL(`../../../../packages/qemu/test/unit/vectors/${name}.gz`, import.meta.url)),
    ),
  );

describe('multifd inspect --diff', () => {
  it('tells pages and fields of two files that QEMU wrote', async () => {
    const directory = tempDirectory();
    const before = join(directory, 'before.mig');
    const now = join(directory, 'now.mig');
    const bytes = vector('10.0-pc.mapped-ram');
    writeFileSync(before, bytes);
    const same = await run(['inspect', '--diff', before, before]);
    expect(same).toMatchObject({ code: 0, stderr: '' });
    expect(same.stdout).toMatch(/RAM: 0 of \d+ pages changed[\s\S]+nothing differs\n$/);
    // A page of RAM, and a register.
    const { ram, deviceState } = openMappedRam(before);
    const [block] = ram.blocks;
    const at = block?.extents?.[0] ?? 0;
    const page = (block?.fileOffset ?? 0) + at;
    bytes[page] = (bytes[page] ?? 0) ^ 0xff;
    const cpu = deviceState?.find(({ idstr }) => idstr === 'cpu');
    const register = bytes.lastIndexOf(cpu?.body ?? '');
    bytes[register + 7] = (bytes[register + 7] ?? 0) ^ 1;
    writeFileSync(now, bytes);
    const picture = join(directory, 'changes.svg');
    const ended = await run(['inspect', '--diff', before, now, '--json', '--picture', picture]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const document = JSON.parse(ended.stdout);
    expect(document).toMatchObject({ status: 'completed', identical: false, diff: [before, now] });
    expect(document.blocks[0]).toMatchObject({
      name: block?.name,
      'changed-pages': 1,
      ranges: [[at, at + 4096]],
    });
    expect(document.devices.changed).toMatchObject([{ name: 'cpu', fields: [{ field: 'env.regs[0]' }] }]);
    const svg = readFileSync(picture, 'utf8');
    expect(svg).toMatch(/^<svg [\s\S]+ 0x[0-9a-f]+: 1 of \d+ pages<\/title>[\s\S]+<\/svg>\n$/);
    // Nothing is replaced.
    const again = await run(['inspect', '--diff', before, now, '--picture', picture]);
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--picture .+changes\.svg: it is already there/),
    });
    expect(readFileSync(picture, 'utf8')).toBe(svg);
    // Found out before two guests are compared.
    for (const [place, fault] of [
      ['/does/not/exist/changes.svg', /there is no directory \/does\/not\/exist/],
      ['/proc/changes.svg', /no file can be made in \/proc/],
    ] as const) {
      if (place.startsWith('/proc') && process.platform !== 'linux') continue;
      const ended = await run(['inspect', '--diff', before, now, '--picture', place]);
      expect(ended).toMatchObject({ code: 2, stdout: '' });
      expect(ended.stderr).toMatch(fault);
      expect(ended.stderr).toMatch(/\nhint: /);
    }
  });

  it('compares images, and a block that only one has', async () => {
    const directory = tempDirectory();
    writeSparse(join(directory, 'a.ram'), 2 * MIB, [{ at: 0, bytes: content(8192, 1) }]);
    writeSparse(join(directory, 'b.ram'), MIB, [{ at: 4096, bytes: content(4096, 2) }]);
    const ended = await run(['inspect', '--diff', 'raw:a.ram', 'raw:b.ram'], { cwd: directory });
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(
      'pc.ram (2.0 MiB, now 1.0 MiB): 2 changed, 0 of them zero before, 1 zero now',
    );
    expect(ended.stdout).toContain('devices: not known of both');
  });

  it.each([
    [['inspect', '--diff', 'FILE'], /--diff: two guests belong here/],
    [['inspect', 'FILE', 'OTHER'], /"OTHER": only with --diff/],
    [['inspect', 'FILE', '--picture', 'x.svg'], /--picture: only with --diff/],
    [['inspect', '--diff', 'FILE', 'FILE'], /FILE, header: magic/],
    [['inspect', '--diff', 'STREAM', 'STREAM'], /STREAM: a single stream, whose pages have no place/],
    [['inspect', '--diff', 'raw:none', 'FILE'], /raw:none: no such file/],
  ])('refuses %j', async (args, message) => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'FILE'), new Uint8Array(MIB));
    writeFileSync(join(cwd, 'STREAM'), vector('10.0-q35.stream'));
    const ended = await run([...args, '--json'], { cwd });
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
    expect(JSON.parse(ended.stdout)).toMatchObject({
      command: 'inspect',
      status: 'failed',
      'error-class': 'usage',
    });
    expect(readdirSync(cwd).sort()).toEqual(['FILE', 'STREAM']);
  });
});
