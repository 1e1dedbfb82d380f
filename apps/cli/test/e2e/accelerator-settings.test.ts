import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../helpers/cli.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/custom-accelerator', import.meta.url));

describe('an accelerator with settings', () => {
  it.each([
    ['by module', `${EXAMPLE}:depth=8`],
    ['by module and name', `${EXAMPLE}:example-offload:depth=8`],
  ])('migrates as it is told, and the report says what its device did: %s', async (_how, accel) => {
    const { code, stdout } = await run(['migrate', 'demo:16M', '--json', '--accel', accel]);
    expect(code).toBe(0);
    const { accelerator, verified } = JSON.parse(stdout);
    expect({ accelerator, verified }).toMatchObject({
      verified: true,
      accelerator: { name: 'example-offload', requested: accel, offload: { 'queue-full-retries': 0 } },
    });
    // Its device cannot read every page: what the CPU did is a number, too.
    expect(accelerator.offload.device).toBeGreaterThan(0);
    expect(accelerator.offload['cpu-after-fault']).toBeGreaterThan(0);
    const text = await run(['migrate', 'demo:16M', '--accel', accel]);
    expect(text.stdout).toMatch(
      /offloaded: \d+ pages by the device, \d+ on the CPU, as the device could not/,
    );
  });

  it('that counts nothing has no numbers', async () => {
    const { stdout } = await run(['migrate', 'demo:4M', '--json', '--accel', 'js']);
    expect(JSON.parse(stdout).accelerator).not.toHaveProperty('offload');
  });

  it.each([
    ['depht=8', 'accelerator example-offload has no setting depht; it has depth', 'did you mean depth?'],
    [
      'zzz=8',
      'accelerator example-offload has no setting zzz; it has depth',
      `multifd accel list --accel ${EXAMPLE} shows them`,
    ],
    ['depth=0', 'accelerator example-offload: depth must be a whole number from 1 to 256, is 0', ''],
    ['depth=x', 'accelerator example-offload: depth must be a whole number from 1 to 256, is "x"', ''],
  ])('that is told %s is refused in one line, also by MULTIFD_ACCEL', async (settings, message, hint) => {
    const accel = `${EXAMPLE}:${settings}`;
    const named = await run(['migrate', 'demo:4M', '--accel', accel]);
    expect(named.code).toBe(2);
    expect(named.stderr).toContain(message);
    expect(named.stderr).toContain(hint);
    const env = { ...process.env, MULTIFD_ACCEL: accel };
    const variable = await run(['migrate', 'demo:4M'], { env });
    expect(variable.code).toBe(2);
    expect(variable.stderr).toContain(`${message} (asked for by MULTIFD_ACCEL in the environment)`);
  });

  it('is listed with them and its devices', async () => {
    const env = { ...process.env, EXAMPLE_DEVICE: 'none' };
    const args = ['accel', 'list', '--accel', `${EXAMPLE}:depth=8`];
    const { stdout } = await run([...args, '--json'], { env });
    const help = 'descriptors that are with the device at a time';
    const { accelerators } = JSON.parse(stdout);
    // As the command's README has them.
    for (const each of accelerators) {
      expect(Object.keys(each).toSorted()).toEqual([
        'automatic',
        'available',
        'bytes-per-second',
        'chosen',
        'detail',
        'devices',
        'fix',
        'module',
        'name',
        'reason',
        'settings',
        'spec-version',
        'told',
      ]);
    }
    expect(accelerators.at(-1)).toMatchObject({
      name: 'example-offload',
      'spec-version': 2,
      settings: [{ key: 'depth', type: 'number', min: 1, max: 256, default: 256, help }],
      told: { depth: 8 },
      devices: [
        { id: 'example0', 'queue-depth': 256, 'numa-node': null, mode: null, usable: false, fix: /modprobe/ },
      ].map(({ fix, ...rest }) => ({ ...rest, fix: expect.stringMatching(fix) })),
    });
    const table = await run(args, { env });
    expect(table.stdout).toContain(`depth= a whole number from 1 to 256 (default: 256): ${help}`);
    expect(table.stdout).toMatch(
      /device example0: .*queue depth 256; not usable: there is no \/dev\/example0/,
    );
  });
});
