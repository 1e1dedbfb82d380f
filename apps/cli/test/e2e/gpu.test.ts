import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, withoutDawn } from '../helpers/cli.js';

/** The GPU accelerator on software that stands in for a card. `.ci/run` has such software, and must not skip this. */
const required = (process.env.MULTIFD_REQUIRE_GPU ?? '').split(',').includes('software');
const known = await knownAccelerators().list();
const probe = known.find(({ reference }) => reference.name === 'gpu:software')?.probe;
const missing =
  probe?.ok === true || required ? '' : `: skipped, ${probe?.ok === false ? probe.reason : '?'}`;

const NAMES = ['gpu:software', 'gpu-wgsl:software', 'gpu-gpujs:software'];

describe.skipIf(missing !== '')(`on software${missing}`, () => {
  it.each(NAMES)('%s does the main job, and the report says kernel and device', async (name) => {
    const args = ['migrate', 'demo:96M,zero=0.5,populate', '--accel', name, '--channels', '3', '--json'];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr: withoutDawn(stderr) }).toEqual({ code: 0, stderr: '' });
    const { verified, accelerator, ram } = JSON.parse(stdout);
    expect(verified).toBe(true);
    expect(ram.duplicate).toBeGreaterThan(12_000);
    expect(accelerator).toMatchObject({ name, requested: name, refused: [] });
    expect(accelerator.detail).toMatch(/^kernel (wgsl|gpujs) .*software, no graphics card: .*llvmpipe/);
  });

  it.each(['legacy', 'multifd'])('a running guest, %s', async (detection) => {
    const args = ['migrate', 'demo:64M,dirty=16M', '--accel', 'gpu:software', '--json'];
    const { code, stdout } = await run([...args, '--zero-page-detection', detection]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', verified: true });
  });

  it('lost midway, and named: the migration ends with its name, and the guest stays', async () => {
    const env = { ...process.env, MULTIFD_GPU_LOSE_AFTER: '2' };
    const args = ['migrate', 'demo:256M,populate,dirty=4M', '--accel', 'gpu:software', '--json'];
    const { code, stdout, stderr } = await run(args, { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/accelerator gpu:software failed: the device .*llvmpipe.* was lost/);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'failed',
      'error-class': 'accelerator',
      guest: { state: 'runs' },
    });
  });

  it('list says kernel and device, and auto does not take it', async () => {
    const { stdout } = await run(['accel', 'list', '--json']);
    const { auto, accelerators } = JSON.parse(stdout);
    expect(auto).not.toMatch(/gpu/);
    const listed = accelerators.filter(({ name }: { name: string }) => NAMES.includes(name));
    expect(listed).toHaveLength(3);
    for (const each of listed) {
      expect(each).toMatchObject({
        available: true,
        automatic: false,
        detail: expect.stringMatching(/^kernel \w+ .*llvmpipe/),
        'bytes-per-second': null,
      });
    }
  });

  it('bench: what it costs beside the CPU, in batches of every size', async () => {
    const args = ['accel', 'bench', '--accel', 'gpu-wgsl:software', '--samples', '1', '--json'];
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document.batches.map(({ pages }: { pages: number }) => pages)).toEqual([
      64, 256, 1024, 2048, 4096, 8192,
    ]);
    expect(document['resident-bytes-per-second']).toBeGreaterThan(0);
    expect(document['with-transfer']).toEqual({
      'bytes-per-second': expect.any(Number),
      'cpu-seconds-per-gb': expect.any(Number),
    });
    expect(document.detail).toMatch(/^kernel wgsl on software/);
    expect(document.cpu['bytes-per-second']).toBeGreaterThan(0);
  });
});

const card = known.some(({ reference, probe }) => reference.name === 'gpu' && probe.ok);
it.skipIf(card)('software is refused by the name of a card, with exit code 3', async () => {
  const { code, stderr } = await run(['migrate', 'demo:4M', '--accel', 'gpu']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/accelerator gpu cannot run here: .+\nhint: .+/);
});
