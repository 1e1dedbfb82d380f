import { describe, expect, it } from 'vitest';
import { queueLimits } from '../../src/transport/queue-limits.js';

const between = (localAddress: string | undefined, remoteAddress: string | undefined) => ({
  localAddress,
  remoteAddress,
});

const copying = (multifdChannels: number) => ({ multifdChannels, multifdCompression: 'none' });

describe('what waits in the kernel for a channel', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
    ['::1', '::1'],
    ['192.0.2.7', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('is little where both ends are on this machine, %s to %s, and processors are few', (local, remote) => {
    expect(queueLimits(between(local, remote), copying(2), 3)).toEqual({ unsent: 65536, unread: 262144 });
  });

  it.each([
    ['192.0.2.7', '192.0.2.8'],
    ['127.0.0.1', '192.0.2.8'],
    ['::1', '::2'],
    [undefined, undefined],
    ['127.0.0.1', undefined],
  ])("is the kernel's choice between %s and %s", (local, remote) => {
    expect(queueLimits(between(local, remote), copying(200), 1)).toBeUndefined();
  });

  it("is the kernel's choice where every thread of both ends has a processor", () => {
    const socket = between('127.0.0.1', '127.0.0.1');
    expect(queueLimits(socket, copying(1), 2)).toBeUndefined();
    expect(queueLimits(socket, copying(8), 16)).toBeUndefined();
    expect(queueLimits(socket, copying(9), 16)).toBeDefined();
  });

  it.each(['zstd', 'zlib', 'auto', 'a-codec-of-a-stranger'])(
    "is the kernel's choice where %s compresses, or may",
    (multifdCompression) => {
      const users = { multifdChannels: 200, multifdCompression };
      expect(queueLimits(between('127.0.0.1', '127.0.0.1'), users, 1)).toBeUndefined();
    },
  );
});
