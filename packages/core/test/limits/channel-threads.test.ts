import { describe, expect, it } from 'vitest';
import { channelsOfThreads, channelThreads } from '../../src/limits/channel-threads.js';

describe('threads for channels', () => {
  it.each([
    { channels: 1, processors: 1, threads: 1 },
    { channels: 2, processors: 1, threads: 1 },
    { channels: 2, processors: 2, threads: 2 },
    { channels: 16, processors: 2, threads: 2 },
    { channels: 16, processors: 64, threads: 16 },
    { channels: 255, processors: 3, threads: 3 },
  ])('$channels channels, $processors processors: $threads', ({ channels, processors, threads }) => {
    expect(channelThreads(channels, true, processors)).toBe(threads);
    expect(channelThreads(channels, false, processors)).toBe(channels);
  });

  it.each([
    [1, 1, [[0]]],
    [2, 2, [[0], [1]]],
    [
      5,
      2,
      [
        [0, 2, 4],
        [1, 3],
      ],
    ],
  ])('%i channels in %i threads', (channels, threads, expected) => {
    expect(channelsOfThreads(channels, threads)).toEqual(expected);
  });

  it('each channel is in one thread, and threads have equally many, but for one', () => {
    for (const channels of [1, 2, 3, 16, 31]) {
      for (let threads = 1; threads <= channels; threads++) {
        const all = channelsOfThreads(channels, threads);
        expect(all.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: channels }, (_, each) => each));
        const sizes = all.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    }
  });
});
