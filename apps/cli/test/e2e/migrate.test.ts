import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrateJson, run, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const TABLES = 128 * 1024;
const MIB = 2 ** 20;

describe('loopback', () => {
  it.each(['none', 'legacy', 'multifd'])('a guest that runs, zero-page-detection %s', async (mode) => {
    const args = ['demo:64M,zero=0.5,dirty=64M', '--zero-page-detection', mode, '--channels', '4'];
    const document = await migrateJson(args);
    expect(document).toMatchObject({
      status: 'completed',
      verified: true,
      channels: 4,
      'zero-page-detection': mode,
    });
    // Setup counts as the first look at the bitmap: two rounds make three.
    expect(document.ram['dirty-sync-count']).toBeGreaterThanOrEqual(3);
    expect(document.ram.normal + document.ram['zero-pages']).toBeGreaterThan(document.ram.total / 4096);
    expect(document.guest.state).toBe('ran on');
    expect(document.guest.from).toBeGreaterThan(0);
    expect(document.guest.to).toBeGreaterThan(document.guest.from);
    // Which is the fastest here, auto measures; that nothing checks is said as well.
    if (mode === 'none') expect(document.accelerator.name).toBeNull();
    else expect(document.accelerator.name).toMatch(/^[a-z0-9-]+$/);
    if (mode === 'none') expect(document.ram['zero-pages']).toBe(0);
  });

  it('the same final memory whichever the mode: nothing but zeros, and none at all', async () => {
    for (const mode of ['none', 'legacy', 'multifd']) {
      for (const zero of [0, 1]) {
        const args = [`demo:8M,zero=${zero},populate,fill=text`, '--zero-page-detection', mode];
        const { ram, verified } = await migrateJson(args);
        expect(verified).toBe(true);
        expect(ram['zero-pages']).toBe(zero === 1 && mode !== 'none' ? ram.total / 4096 : 0);
      }
    }
  });

  it('one page, one channel; and more channels than work', async () => {
    expect(await migrateJson(['demo:4K', '--channels', '1'])).toMatchObject({ verified: true, channels: 1 });
    expect(await migrateJson(['demo:1M', '--channels', '16'])).toMatchObject({
      verified: true,
      channels: 16,
    });
  });

  it('does not compare when told not to, and still knows both ends', async () => {
    const document = await migrateJson(['demo:4M', '--no-verify']);
    expect(document).toMatchObject({ status: 'completed', verified: null, verification: null });
    expect(document['cpu-time'].destination).toBeGreaterThan(0);
  });

  it('prints a summary like info migrate, and no progress on a pipe', async () => {
    const { code, stdout, stderr } = await run(['migrate', 'demo:64M,dirty=16M', '--accel', 'js']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Migration status: completed\n/);
    expect(stdout).toContain('\naccelerator: js (asked for as js): ');
    expect(stdout).toContain(`\nverified: 2 blocks, ${64 * MIB + TABLES} bytes, sha256\n`);
    expect(stdout).toMatch(/\nguest: ran on at the destination, from write \d+ to \d+\n/);
    expect(stdout).not.toContain('\u001b');
  });

  it('says once that a guest dirties faster than its memory moves, and what to do', async () => {
    const running = start([
      'migrate',
      'demo:64M,dirty=256M',
      '--max-bandwidth',
      '8M',
      '--downtime-limit',
      '1',
    ]);
    await running.says(/dirties memory .* --downtime-limit/);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr.match(/dirties memory/g)).toHaveLength(1);
  });
});

describe('receive', () => {
  it('tells where it listens, and what came', async () => {
    const destination = await startReceive(['--json']);
    expect(destination.stderr()).toContain('only this machine can reach it');
    const source = await migrateJson(['demo:16M,dirty=8M', destination.address]);
    expect(source).toMatchObject({ destination: destination.address, verified: true });
    expect(source.guest.state).toBe('stopped');
    const { code, stdout } = await destination.ended;
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      command: 'receive',
      status: 'completed',
      listen: destination.address,
      target: 'memory',
      'machine-type': 'none',
      devices: ['demo-vcpu.0'],
      blocks: [
        { name: 'pc.ram', length: 16 * MIB },
        { name: '/rom@etc/acpi/tables', length: TABLES },
      ],
    });
    // The destination's vCPU began with the state that the source's had at the end, and then made writes of its own.
    expect(document.guest).toMatchObject({ state: 'ran on', from: source.guest.to });
    expect(document.guest.to).toBeGreaterThan(document.guest.from);
    expect(document.ram.normal).toBe(source.ram.normal);
    expect(document.ram['zero-pages']).toBe(source.ram['zero-pages']);
  });

  it('over a unix socket, with a summary', async () => {
    const path = join(tempDirectory(), 's');
    const destination = start(['receive', `unix:${path}`, '--machine-type', 'none']);
    await destination.says(/listening on unix:/);
    expect(await migrateJson(['demo:4M', `unix:${path}`])).toMatchObject({ verified: true });
    const { code, stdout } = await destination.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('\nblock: pc.ram, 4.0 MiB\n');
  });

  it('a peer without digests is no verified peer', async () => {
    const destination = await startReceive(['--no-verify']);
    const ended = await run(['migrate', 'demo:4M', destination.address, '--json']);
    expect(ended.code).toBe(5);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', verify: true, verified: null });
    expect(ended.stderr).toContain('not verified');
    expect((await destination.ended).code).toBe(0);
    const again = await startReceive(['--no-verify']);
    const { stdout } = await run(['migrate', 'demo:4M', again.address]);
    expect(stdout).toContain('\nNOT VERIFIED: memory was not compared\n');
    expect(stdout).not.toContain('not asked for');
  });
});
