import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, withoutDawn } from '../helpers/cli.js';

const known = await knownAccelerators().list();
const isBuilt = known.some(({ reference, probe }) => reference.name === 'dsa:software' && probe.ok);
const hasDevice = existsSync('/sys/bus/dsa/devices');

describe.skipIf(!isBuilt)(
  `the software queue of DSA${isBuilt ? '' : ': skipped, its addon is not built'}`,
  () => {
    it('does the main job, and the report says what it is and what it did', async () => {
      const args = ['migrate', 'demo:96M,zero=0.5,populate', '--accel', 'dsa:software', '--channels', '3'];
      const { code, stdout, stderr } = await run([...args, '--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { verified, accelerator, ram } = JSON.parse(stdout);
      expect(verified).toBe(true);
      expect(ram.duplicate).toBeGreaterThan(12_000);
      expect(accelerator).toMatchObject({
        name: 'dsa:software',
        requested: 'dsa:software',
        detail: expect.stringMatching(/a software queue .* not run on hardware yet.*multifd accel bench/),
        offload: { device: ram.normal + ram.duplicate, 'cpu-after-fault': 0 },
      });
    });

    it.each(['legacy', 'multifd'])('a running guest, %s', async (detection) => {
      const args = ['migrate', 'demo:64M,dirty=16M', '--accel', 'dsa:software', '--json'];
      const { code, stdout } = await run([...args, '--zero-page-detection', detection]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', verified: true });
    });

    it('auto does not take it', async () => {
      const { stdout, stderr } = await run(['accel', 'list', '--json']);
      expect(withoutDawn(stderr)).toBe('');
      const { auto, accelerators } = JSON.parse(stdout);
      expect(auto).not.toBe('dsa:software');
      expect(accelerators).toContainEqual(
        expect.objectContaining({ name: 'dsa:software', available: true, automatic: false }),
      );
    });
  },
);

describe.skipIf(hasDevice)(`no device${hasDevice ? ': skipped, there is one' : ''}`, () => {
  it.each(['dsa', 'dsa:wq0.0,wq1.0'])(
    '%s is refused with exit code 3, and says what to do',
    async (accel) => {
      const { code, stderr } = await run(['migrate', 'demo:4M', '--accel', accel]);
      expect(code).toBe(3);
      expect(stderr).toMatch(
        /accelerator dsa cannot run here: the kernel shows no accelerator of this kind .*\nhint: .*modprobe idxd/,
      );
    },
  );
});
