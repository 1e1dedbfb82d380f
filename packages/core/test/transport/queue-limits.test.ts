import { describe, expect, it } from 'vitest';
import { queueLimits } from '../../src/transport/queue-limits.js';

const between = (localAddress: string | undefined, remoteAddress: string | undefined) => ({
  localAddress,
  remoteAddress,
});

describe('what waits in the kernel for a channel', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
    ['::1', '::1'],
    ['192.0.2.7', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('is little where both ends are on this machine, %s to %s, and processors are few', (local, remote) => {
    expect(queueLimits(between(local, remote), 2, 3)).toEqual({ unsent: 65536, unread: 262144 });
  });

  it.each([
    ['192.0.2.7', '192.0.2.8'],
    ['127.0.0.1', '192.0.2.8'],
    ['::1', '::2'],
    [undefined, undefined],
    ['127.0.0.1', undefined],
  ])("is the kernel's choice between %s and %s", (local, remote) => {
    expect(queueLimits(between(local, remote), 200, 1)).toBeUndefined();
  });

  it("is the kernel's choice where every thread of both ends has a processor", () => {
    const socket = between('127.0.0.1', '127.0.0.1');
    expect(queueLimits(socket, 1, 2)).toBeUndefined();
    expect(queueLimits(socket, 8, 16)).toBeUndefined();
    expect(queueLimits(socket, 9, 16)).toBeDefined();
  });
});
