import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { named, noSoftware } from './adapter.js';

const PAGE = 4096;
const KERNELS = ['gpu-wgsl:software', 'gpu-gpujs:software'];
const MODULE = new URL('../dist/index.js', import.meta.url).href;

/** Runs a module in a process of its own, which must end by itself. */
async function runProcess(code: string, env: Readonly<Record<string, string>> = {}) {
  const prelude = `import { accelerators } from ${JSON.stringify(MODULE)};
    const named = (name) => accelerators.find((each) => each.name === name);
    const memory = new Uint8Array(new SharedArrayBuffer(64 * 4096));
    const batch = { memory, offsets: Float64Array.from({ length: 64 }, (_, page) => page * 4096), count: 64 };`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + code], {
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status, signal]: unknown[] = await exit;
  return { status, signal, stdout: stdout.trim(), stderr };
}

const title = `on software${noSoftware === undefined ? '' : `: skipped, ${noSoftware}`}`;
describe.skipIf(noSoftware !== undefined)(title, () => {
  test('the better kernel is one of the two, measured; the report names it and the device', async () => {
    const probe = await named('gpu:software').probe({});
    expect(probe).toMatchObject({ ok: true });
    const detail = probe.ok ? probe.detail : '';
    expect(detail).toMatch(/^kernel (wgsl|gpujs) \(wgsl [\d.]+ GB\/s, gpujs [\d.]+ GB\/s\) on software/);
  });

  test.each(KERNELS)('%s is the kernel that really runs', async (name) => {
    const probe = await named(name).probe({});
    expect(probe.ok ? probe.detail : probe.reason).toContain(
      `kernel ${name.slice(4, name.indexOf(':'))} on `,
    );
  });

  test('the same is no graphics card', async () => {
    const probe = await named('gpu').probe({});
    // On a machine with a card it is one; software never is.
    expect(probe.ok ? probe.detail : probe.reason).not.toMatch(/on software/);
  });

  test.each(KERNELS)('%s: how fast it is over memory on the device', async (name) => {
    expect(await named(name).residentRate?.(2, {})).toBeGreaterThan(0);
  });

  test.each(KERNELS)('%s: more batches at a time than it has room for', async (name) => {
    const detector = await named(name).open({ pageSize: PAGE, settings: {} });
    const calls = Array.from({ length: 12 }, async (_, call) => {
      const count = 100 + call;
      const memory = new Uint8Array(new SharedArrayBuffer(count * PAGE));
      memory[(call * 8 + 1) * PAGE - 1] = 0x80;
      const isZero = new Uint8Array(count).fill(7);
      const offsets = Float64Array.from({ length: count }, (_, page) => page * PAGE);
      await detector.detect({ memory, offsets, count }, isZero);
      return isZero.indexOf(0) === call * 8 && isZero.filter((answer) => answer === 1).length === count - 1;
    });
    expect(await Promise.all(calls)).toEqual(calls.map(() => true));
    await detector.close();
  });

  test('closing rejects what is still in flight', async () => {
    const detector = await named('gpu-wgsl:software').open({ pageSize: PAGE, settings: {} });
    const memory = new Uint8Array(new SharedArrayBuffer(PAGE));
    const open = detector.detect({ memory, offsets: Float64Array.of(0), count: 1 }, new Uint8Array(1));
    const outcome = expect(open).rejects.toThrow(/closed/);
    await detector.close();
    await outcome;
  });

  test.each(KERNELS)('%s: a process that has used it ends by itself', async (name) => {
    const code = `const detector = await named('${name}').open({ pageSize: 4096, settings: {} });
      await detector.detect(batch, new Uint8Array(64));
      await detector.close();
      console.log('done');`;
    expect(await runProcess(code)).toMatchObject({ status: 0, signal: null, stdout: 'done' });
  });

  test('and so does one that ends in the middle of a batch', async () => {
    const code = `const detector = await named('gpu-wgsl:software').open({ pageSize: 4096, settings: {} });
      detector.detect(batch, new Uint8Array(64)).catch(() => {});
      process.exit(7);`;
    expect(await runProcess(code)).toMatchObject({ status: 7, signal: null });
  });

  test.each(KERNELS)(
    '%s: a lost device is an error that names it, and the next migration gets a new one',
    async (name) => {
      const code = `
      const isZero = new Uint8Array(64);
      const detector = await named('${name}').open({ pageSize: 4096, settings: {} });
      await detector.detect(batch, isZero);
      const both = await Promise.allSettled([detector.detect(batch, isZero), detector.detect(batch, isZero)]);
      await detector.close();
      delete process.env.MULTIFD_GPU_LOSE_AFTER;
      const again = await named('${name}').open({ pageSize: 4096, settings: {} });
      await again.detect(batch, isZero);
      console.log(JSON.stringify({ reasons: both.map(({ reason }) => reason?.message), sum: isZero.reduce((a, b) => a + b) }));
      await again.close();`;
      const { status, stdout } = await runProcess(code, { MULTIFD_GPU_LOSE_AFTER: '2' });
      expect(status).toBe(0);
      const { reasons, sum } = JSON.parse(stdout);
      expect(sum).toBe(64);
      for (const reason of reasons) expect(reason).toMatch(/^the device .* was lost/);
    },
  );

  test('a thread that has shared the device: one is opened, whoever asks', async () => {
    const code = `
      const { Worker } = await import('node:worker_threads');
      const accelerator = named('gpu-wgsl:software');
      const device = await accelerator.share({});
      const body = \`import { workerData, parentPort } from 'node:worker_threads';
        const { accelerators } = await import(workerData.module);
        const detector = await accelerators[4].open({ pageSize: 4096, settings: {}, line: workerData.line });
        const memory = new Uint8Array(new SharedArrayBuffer(4096));
        const isZero = new Uint8Array(1);
        await detector.detect({ memory, offsets: Float64Array.of(0), count: 1 }, isZero);
        await detector.close();
        parentPort.postMessage(isZero[0]);\`;
      const url = new URL('data:text/javascript,' + encodeURIComponent(body));
      const answers = await Promise.all([1, 2, 3].map(() => {
        const line = device.connect();
        const worker = new Worker(url, { workerData: { module: ${JSON.stringify(MODULE)}, line }, transferList: [line] });
        return new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
      }));
      await device.close();
      console.log(answers.join());`;
    const { status, stdout, stderr } = await runProcess(code);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1,1,1' });
    // Dawn says this once for each adapter of lavapipe that it opens.
    const warnings = stderr.split('\n').filter((line) => line.includes('maxDynamicUniformBuffers'));
    expect(warnings.length).toBeLessThanOrEqual(1);
  });
});
