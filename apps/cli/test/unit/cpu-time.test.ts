import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { withoutGuest } from '../../src/resources.js';

describe('CPU time', () => {
  it("is without the guest's own, and not known when the guest's thread is dead", async () => {
    const notes: string[] = [];
    const note = (line: string) => notes.push(line);
    expect(await withoutGuest(50, { cpuTime: async () => 20 }, note)).toBe(30);
    expect(notes).toEqual([]);
    const dead = new Worker('', { eval: true });
    await dead.terminate();
    const cpuTime = async () => (await dead.cpuUsage()).user;
    expect(await withoutGuest(50, { cpuTime }, note)).toBeNull();
    expect(notes).toEqual([expect.stringMatching(/^the CPU time is not known: /)]);
  });
});
