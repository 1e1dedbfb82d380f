import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { eventually, run, start, startReceive } from '../helpers/cli.js';
import { allocated } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;

describe('a migration file', () => {
  it('keeps a guest, says what it is, and lets it run on', async () => {
    const file = join(tempDirectory(), 'guest.mig');
    const uuid = '550e8400-e29b-41d4-a716-446655440000';
    const identity = ['--uuid', uuid, '--machine-type', 'demo-1'];
    const receiving = await startReceive([`file:${file}`, '--json', ...identity]);
    const sent = await run([
      'migrate',
      'demo:32M,zero=0.9,dirty=4M',
      receiving.address,
      ...identity,
      '--json',
    ]);
    expect(sent).toMatchObject({ code: 0, stderr: '' });
    // The destination's digests are of what the file says.
    const { verified, guest } = JSON.parse(sent.stdout);
    expect(verified).toBe(true);
    const { code, stdout } = await receiving.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      target: `file:${file}`,
      images: [file],
      'machine-type': 'demo-1',
    });
    expect(allocated(file)).toBeLessThan(statSync(file).size / 2);

    const inspected = await run(['inspect', `file:${file}`, '--json']);
    expect(inspected).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      format: 'mapped-ram',
      uuid,
      'machine-type': 'demo-1',
      blocks: [{ name: 'pc.ram', length: 32 * MIB }, { name: '/rom@etc/acpi/tables' }],
    });

    const back = await run(['migrate', `file:${file}`, '--json']);
    expect(back).toMatchObject({ code: 0, stderr: '' });
    const document = JSON.parse(back.stdout);
    expect(document).toMatchObject({ verified: true, guest: { state: 'ran on', from: guest.to } });
    expect(document.guest.to).toBeGreaterThan(guest.to);
  });

  it('that is there is refused before anybody waits, or replaced when the new one is complete', async () => {
    const file = join(tempDirectory(), 'guest.mig');
    writeFileSync(file, 'precious');
    const refused = await run(['receive', 'tcp::0', `file:${file}`]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^multifd: .+already there\nhint: .+--force\n$/);
    const replacing = await startReceive([`file:${file}`, '--force']);
    expect((await run(['migrate', 'demo:4M', replacing.address])).code).toBe(0);
    expect((await replacing.ended).code).toBe(0);
    expect(await run(['inspect', file])).toMatchObject({ code: 0, stderr: '' });
  });

  it('of an interrupted migration does not stay', async () => {
    const directory = tempDirectory();
    const file = join(directory, 'guest.mig');
    const receiving = await startReceive([`file:${file}`]);
    const source = start(['migrate', 'demo:64M', receiving.address, '--max-bandwidth', '4M']);
    await eventually('the file is begun', () => readdirSync(directory).length > 0);
    expect(existsSync(file)).toBe(false);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    expect(readdirSync(directory)).toEqual([]);
    expect(await source.ended).toMatchObject({ code: 1, stdout: '' });
  });

  it('that does not fit leaves a clear error on both sides, and nothing on the disk', async () => {
    const directory = tempDirectory();
    const receiving = await startReceive([`file:${join(directory, 'guest.mig')}`], { limitFileSize: 1024 });
    const source = await run(['migrate', 'demo:16M', receiving.address]);
    expect(source.code).toBe(1);
    const { code, stderr } = await receiving.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/guest\.mig.*EFBIG/);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a migration file that does not begin with its stream', () => {
  it('is read at an offset, by migrate and inspect, and a literal name is meant as it is', async () => {
    const folder = tempDirectory();
    const file = join(folder, 'guest.mig');
    const receiving = await startReceive([`file:${file}`]);
    expect((await run(['migrate', 'demo:4M', receiving.address])).code).toBe(0);
    expect((await receiving.ended).code).toBe(0);
    const whole = readFileSync(file);
    const literal = `${file},offset=5`;
    writeFileSync(literal, whole);
    const inspected = await run(['inspect', literal, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ 'stream-offset': 0, format: 'mapped-ram' });
    rmSync(literal);

    const none = await run(['migrate', `file:${literal}`]);
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toMatch(/^multifd: .+magic at byte 5: .+\nhint: .+,offset=N\n$/);
  });

  it('packed: inspect explains it, migrate says what to do', async () => {
    const file = join(tempDirectory(), 'guest.mig');
    const receiving = await startReceive([`file:${file}`]);
    expect((await run(['migrate', 'demo:4M', receiving.address])).code).toBe(0);
    await receiving.ended;
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
    const inspected = await run(['inspect', `${file}.gz`]);
    expect(inspected).toMatchObject({ code: 0, stderr: '' });
    expect(inspected.stdout).toContain('container: packed with gzip\n');
    const document = JSON.parse((await run(['inspect', `${file}.gz`, '--json'])).stdout);
    expect(document).toMatchObject({ status: 'completed', container: { compression: 'gzip' } });
    const sent = await run(['migrate', `file:${file}.gz`, '--json']);
    expect(sent.code).toBe(2);
    expect(sent.stderr).toBe(
      `multifd: ${file}.gz: a gzip file: pages cannot be read from it\nhint: unpack it first: gzip -dc ${file}.gz > guest.mig (only a file with mapped-ram can be sent)\n`,
    );
    expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
  });

  it('as raw: it is sent, with a word about what it looks like', async () => {
    const image = join(tempDirectory(), 'ram');
    writeFileSync(image, Buffer.concat([Buffer.from('QEVM'), Buffer.alloc(8188)]));
    const sent = await run(['migrate', `raw:${image}`]);
    expect(sent.code).toBe(0);
    expect(sent.stderr).toContain(`${image} begins like a migration stream and is sent as RAM all the same`);
    expect(sent.stderr).toContain(`file:${image}`);
  });
});
