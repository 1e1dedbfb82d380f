import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Listener } from '../../src/transport/listener.js';
import { withPrivateSocket } from '../../src/transport/private-socket.js';
import { testFolder } from '../support/tls.js';

const mode = (path: string): number => statSync(path).mode & 0o777;

describe.skipIf(process.platform === 'win32')('a unix socket that is listened on', () => {
  it('belongs to this user only', async () => {
    const path = join(testFolder(), 'socket');
    const listener = await Listener.open({ kind: 'unix', path }, () => {});
    onTestFinished(() => listener.close());
    expect(mode(path)).toBe(0o600);
  });

  it('leaves what is there and is no socket as it is', async () => {
    const path = join(testFolder(), 'file');
    writeFileSync(path, 'mine');
    chmodSync(path, 0o644);
    await expect(Listener.open({ kind: 'unix', path }, () => {})).rejects.toMatchObject({
      code: 'usage',
    });
    expect(mode(path)).toBe(0o644);
  });

  it('leaves the umask as it was, also after a failure', () => {
    const path = join(testFolder(), 'none');
    const before = process.umask();
    const failing = (): boolean => {
      throw new Error('no');
    };
    expect(() => withPrivateSocket(path, failing)).toThrow('no');
    withPrivateSocket(path, () => false);
    expect(process.umask()).toBe(before);
    expect(existsSync(path)).toBe(false);
  });
});
