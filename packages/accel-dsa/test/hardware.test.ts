import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { hardware, UNTRIED } from '../src/hardware.js';
import { accelerators } from '../src/index.js';
import { elsewhere } from '../src/load.js';
import { obstacleOf } from '../src/obstacle.js';
import { findQueues, type Roots } from '../src/sysfs.js';
import { built } from './support/addon.js';
import { FakeSysfs } from './support/sysfs.js';

const CPU = { enqcmd: true, movdir64b: true };
const ANY = { queues: [] };

function kind(roots: Roots, cpu: typeof CPU | undefined = CPU) {
  return hardware(roots, () => cpu);
}

describe('no queue', () => {
  test('no driver', () => {
    const roots = { sysfs: '/no/such/bus', dev: '/no/such/dev' };
    expect(kind(roots).probe(ANY)).toEqual({
      ok: false,
      reason: 'the kernel shows no accelerator of this kind (there is no /no/such/bus)',
      fix: expect.stringContaining('modprobe idxd'),
    });
    expect(kind(roots).list?.()).toEqual([]);
    expect(() => kind(roots).queues(ANY, undefined)).toThrow(/modprobe idxd/);
  });

  test('no DSA, but an accelerator of another kind, whose queues are not ours', () => {
    const roots = new FakeSysfs().device('iax1').queue('wq1.0');
    expect(kind(roots).probe(ANY)).toMatchObject({ ok: false, reason: expect.stringMatching(/no DSA/) });
    expect(kind(roots).list?.()).toEqual([]);
  });

  test('a device without queues', () => {
    const roots = new FakeSysfs().device('dsa0');
    expect(kind(roots).probe(ANY)).toMatchObject({ ok: false, reason: 'dsa0 has no work queue' });
  });

  test('machine code is not loaded for it: nobody without such a device depends on that', () => {
    const loading = (): never => {
      throw new Error('it loads');
    };
    for (const roots of [{ sysfs: '/no/such/bus', dev: '/no/such/dev' }, new FakeSysfs().device('dsa0')]) {
      expect(hardware(roots, loading).probe(ANY)).toMatchObject({ ok: false });
      expect(hardware(roots, loading).list?.()).toEqual([]);
    }
  });
});

const CONFIG =
  '--type=user --driver-name=user --name=multifd --mode=shared --threshold=16 --max-batch-size=1024 --block-on-fault=0 && accel-config enable-wq dsa0/wq0.0';
const AGAIN = `accel-config disable-wq dsa0/wq0.0 && accel-config config-wq dsa0/wq0.0 ${CONFIG}`;
const DEDICATED = AGAIN.replace('--mode=shared --threshold=16', '--mode=dedicated');
const FIRST = `accel-config config-engine dsa0/engine0.0 --group-id=0 && accel-config config-wq dsa0/wq0.0 --group-id=0 --wq-size=16 --priority=10 ${CONFIG.replace(' && ', ' && accel-config enable-device dsa0 && ')}`;

describe('a queue that cannot be used, and the line that mends it', () => {
  test.each([
    {
      what: 'nobody has configured anything',
      device: { state: 'disabled' },
      queue: { state: 'disabled', type: 'none', mode: 'shared', size: 0 },
      reason: 'wq0.0 has no type, and has to be of type user',
      fix: FIRST,
    },
    {
      what: 'the kernel has it',
      queue: { type: 'kernel' },
      reason: 'wq0.0 is of type kernel, and has to be of type user',
      fix: AGAIN,
    },
    {
      what: 'the device is off',
      device: { state: 'disabled' },
      queue: { state: 'disabled' },
      reason: 'dsa0 is not enabled',
      fix: 'accel-config enable-device dsa0 && accel-config enable-wq dsa0/wq0.0',
    },
    {
      what: 'the queue is off',
      queue: { state: 'disabled' },
      reason: 'wq0.0 is not enabled',
      fix: 'accel-config enable-wq dsa0/wq0.0',
    },
    {
      what: 'no shared virtual addresses',
      device: { pasid_enabled: 0 },
      reason: "the IOMMU does not translate a process's addresses for dsa0 (pasid_enabled is 0)",
      fix: 'start the kernel with intel_iommu=on,sm_on',
    },
    {
      what: 'a mode that is none',
      queue: { mode: '' },
      reason: 'wq0.0 has the mode ""',
      fix: AGAIN,
    },
    {
      what: 'no entries',
      queue: { state: 'disabled', size: 0 },
      reason: 'wq0.0 has no entries',
      fix: `accel-config disable-device dsa0 && ${FIRST}`,
    },
    {
      what: 'shared, and a CPU that cannot',
      cpu: { enqcmd: false, movdir64b: true },
      reason: 'wq0.0 is shared, and this CPU has no ENQCMD',
      fix: DEDICATED,
    },
    {
      what: 'dedicated, and a CPU that cannot',
      queue: { mode: 'dedicated' },
      cpu: { enqcmd: true, movdir64b: false },
      reason: 'wq0.0 is dedicated, and this CPU has no MOVDIR64B',
      fix: AGAIN,
    },
  ])('$what', ({ device = {}, queue = {}, cpu = CPU, reason, fix }) => {
    const roots = new FakeSysfs().device('dsa0', device).queue('wq0.0', queue);
    expect(kind(roots, cpu).probe(ANY)).toEqual({ ok: false, reason, fix });
    expect(kind(roots, cpu).probe({ queues: ['wq0.0'] })).toEqual({ ok: false, reason, fix });
    expect(kind(roots, cpu).list?.()).toEqual([expect.objectContaining({ usable: false, reason, fix })]);
    expect(() => kind(roots, cpu).queues(ANY, undefined)).toThrow(`${reason}; ${fix}`);
  });

  test('a container without the device', () => {
    const roots = new FakeSysfs().device('dsa0').queue('wq0.0', {}, null);
    expect(kind(roots).probe(ANY)).toMatchObject({
      ok: false,
      reason: `there is no ${roots.dev}/wq0.0`,
      fix: `give a container the device: --device ${roots.dev}/wq0.0`,
    });
  });

  test('no permission', () => {
    const roots = new FakeSysfs().device('dsa0').queue('wq0.0');
    const [queue] = findQueues(roots)?.queues ?? [];
    if (queue === undefined) throw new Error('no queue');
    expect(queue.access).toBe('allowed');
    // Root may open everything, so the file system would not say this to every test run.
    expect(obstacleOf({ ...queue, access: 'denied' }, CPU)).toEqual({
      reason: `this user may not open ${roots.dev}/wq0.0`,
      fix: `setfacl -m u:${userInfo().username}:rw ${roots.dev}/wq0.0`,
    });
  });
});

describe('queues that can be used', () => {
  const roots = new FakeSysfs()
    .device('dsa0')
    .device('iax1')
    .device('dsa2', { numa_node: 1 })
    .device('dsa10', { numa_node: -1 })
    .queue('wq0.0')
    .queue('wq0.1', { state: 'disabled' })
    .queue('wq1.0')
    .queue('wq2.0', { mode: 'dedicated', size: 8, max_batch_size: 32 })
    .queue('wq10.0');

  test('list has all of them, in the order of their numbers', () => {
    expect(kind(roots).list?.()).toEqual([
      {
        id: 'wq0.0',
        what: 'work queue of dsa0, batches of up to 1024',
        queueDepth: 16,
        numaNode: 0,
        mode: 'shared',
        usable: true,
      },
      expect.objectContaining({ id: 'wq0.1', usable: false, reason: 'wq0.1 is not enabled' }),
      expect.objectContaining({ id: 'wq2.0', usable: true, mode: 'dedicated', numaNode: 1, queueDepth: 8 }),
      expect.not.objectContaining({ numaNode: expect.anything() }),
    ]);
  });

  test.skipIf(!built)('probe says which, and that nobody has tried it on hardware', () => {
    expect(kind(roots).probe(ANY)).toEqual({
      ok: true,
      detail: `wq0.0 of dsa0 (shared), wq2.0 of dsa2 (dedicated), wq10.0 of dsa10 (shared); ${UNTRIED}`,
    });
    expect(kind(roots).probe({ queues: ['wq2.0'] })).toMatchObject({ ok: true });
  });

  test('a name that is none, and one that cannot be used, are refused and not replaced', () => {
    expect(kind(roots).probe({ queues: ['wq0.0', 'wq1.0'] })).toEqual({
      ok: false,
      reason: 'there is no work queue wq1.0',
      fix: 'name one of wq0.0, wq0.1, wq2.0, wq10.0',
    });
    expect(kind(roots).probe({ queues: ['wq0.0', 'wq0.1'] })).toMatchObject({
      reason: 'wq0.1 is not enabled',
    });
  });

  test('those of the node are taken, unless others are named or there are none', () => {
    const paths = (queues: string[], node?: number) =>
      kind(roots)
        .queues({ queues }, node)
        .map(({ device }) => device?.path.replace(`${roots.dev}/`, ''));
    expect(paths([])).toEqual(['wq0.0', 'wq2.0', 'wq10.0']);
    expect(paths([], 1)).toEqual(['wq2.0']);
    expect(paths([], 7)).toEqual(['wq0.0', 'wq2.0', 'wq10.0']);
    expect(paths(['wq0.0', 'wq0.0'], 1)).toEqual(['wq0.0']);
    expect(kind(roots).queues({ queues: ['wq2.0'] }, undefined)).toEqual([
      {
        device: {
          path: `${roots.dev}/wq2.0`,
          shared: false,
          size: 8,
          maxBatchSize: 32,
          maxTransferSize: 2 ** 31,
        },
        patience: 5000,
      },
    ]);
  });
});

test('auto may take a device, and never the software queue', () => {
  expect(accelerators.map(({ name, capabilities }) => [name, capabilities.automatic])).toEqual([
    ['dsa', true],
    ['dsa:software', false],
  ]);
});

test('where it has no addon it names the platform, and no package that there is not', () => {
  expect(elsewhere('linux-x64-gnu')).toBeUndefined();
  for (const triple of ['linux-x64-musl', 'linux-arm64-gnu', 'darwin-arm64', 'win32-x64-msvc']) {
    expect(elsewhere(triple)?.reason).toBe(`it is for Linux on x64 with glibc, this is ${triple}`);
  }
});

test.skipIf(built)('without the addon it says how to get it', async () => {
  const roots = new FakeSysfs().device('dsa0').queue('wq0.0');
  expect(kind(roots, undefined).probe(ANY)).toMatchObject({
    ok: false,
    fix: expect.stringContaining('Rust'),
  });
  expect(await accelerators[1]?.probe({})).toMatchObject({ ok: false, fix: expect.stringContaining('Rust') });
});
