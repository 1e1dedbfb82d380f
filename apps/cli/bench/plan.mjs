/** What is run: one entry is one process pair, described well enough to be repeated by hand. */

const GIB = 2 ** 30;

/** @param big bytes of the main guest, as the command takes them: `4G`; `others` of the memory row. */
export function plan(quick) {
  const big = quick ? '512M' : '4G';
  const bytes = quick ? GIB / 2 : 4 * GIB;
  const runs = [];
  for (const zero of [1, 0.5, 0]) {
    for (const channels of [1, 2, 4]) runs.push(migration('share', big, bytes, { zero, channels }));
  }
  for (const channels of [1, 2, 4]) {
    runs.push(migration('populate', big, bytes, { zero: 1, channels, populate: true }));
  }
  for (const detection of ['none', 'legacy']) {
    runs.push(migration('detection', big, bytes, { zero: 0.5, channels: 2, detection }));
  }
  for (const [size, total] of quick
    ? [['256M', GIB / 4]]
    : [
        ['1G', GIB],
        ['8G', 8 * GIB],
      ]) {
    runs.push(migration('size', size, total, { zero: 1, channels: 2 }));
  }
  for (const share of [1, 0.5]) {
    runs.push({ kind: 'copy', id: `copy ${share}`, bytes: bytes * share, into: 'one', needs: 0 });
    runs.push({ kind: 'copy', id: `copy fresh ${share}`, bytes: bytes * share, into: 'fresh', needs: bytes });
    runs.push({ kind: 'touch', id: `touch ${share}`, bytes: bytes * share, needs: bytes });
  }
  runs.push({ kind: 'copy', id: 'copy data 1', bytes, into: 'data', needs: 0 });
  runs.push({ kind: 'idle', id: 'idle', bytes: 0, needs: 0 });
  return runs;
}

function migration(set, size, bytes, { zero, channels, populate = false, detection = 'multifd' }) {
  const guest = `demo:${size},zero=${zero}${populate ? ',populate' : ''}`;
  const args = ['migrate', guest, '--no-verify', '--json', '--channels', `${channels}`, '--accel', 'js'];
  if (detection !== 'multifd') args.push('--zero-page-detection', detection);
  // Both ends together; pages that are touched on one end only count on that one.
  const held = (populate ? bytes : bytes * (1 - zero)) + bytes * (detection === 'none' ? 1 : 1 - zero);
  // A guest page lies on two pages of the host if its memory begins in the middle of one.
  const needs = Math.min(2 * bytes, 1.5 * held);
  return {
    kind: 'migration',
    id: args.join(' '),
    set,
    zero,
    channels,
    populate,
    detection,
    bytes,
    args,
    needs,
    // By the destination, and page tables.
    touches: bytes * (detection === 'none' ? 1 : 1 - zero) + GIB / 8,
  };
}
