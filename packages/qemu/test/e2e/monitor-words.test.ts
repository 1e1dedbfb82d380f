import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { QEMU_CAPABILITIES } from '../../src/qmp/capabilities.js';
import { findQemu } from '../support/binaries.js';
import { TestFolder } from '../support/folder.js';
import { converse, REFUSED } from '../support/monitor-words.js';
import { until } from '../support/until.js';

const binary = findQemu('10.0');

describe.skipIf(binary === undefined)(`QEMU 10.0${binary === undefined ? ' (not here)' : ''}`, () => {
  it('refuses with the words that our monitor has from it, and has these capabilities', async () => {
    using folder = new TestFolder();
    const path = folder.file('qmp');
    const args = ['-machine', 'none', '-nodefaults', '-display', 'none', '-S'];
    const qemu = spawn(binary ?? '', [...args, '-qmp', `unix:${path},server=on,wait=off`], {
      stdio: 'ignore',
    });
    try {
      await until('the monitor listens', () => existsSync(path));
      const answers = await converse(path, [
        '{"execute":"qmp_capabilities"}',
        ...REFUSED.map(([text]) => text),
        '{"execute":"query-migrate-capabilities"}',
      ]);
      expect(answers.slice(1, -1)).toEqual([
        { return: {} },
        ...REFUSED.map(([, kind, desc]) => ({ error: { class: kind, desc } })),
      ]);
      expect(answers.at(-1)).toEqual({
        return: QEMU_CAPABILITIES.map((capability) => ({ capability, state: false })),
      });
    } finally {
      qemu.kill('SIGKILL');
    }
  });
});
