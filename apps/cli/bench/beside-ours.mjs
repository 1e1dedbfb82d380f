/** One migration from a multifd to a multifd, measured as one from a QEMU to a QEMU is. */
import { command } from './command.mjs';
import { warmUntilConnected } from './warm-until-connected.mjs';

/**
 * @param run see `beside-plan.mjs`.
 * @param image the guest's memory; undefined: a demo guest that was never touched.
 */
export async function multifdToMultifd(run, image) {
  const { size, channels, compression, level, detection, args, target, touches } = run;
  const common = ['--json', '--no-verify', '--channels', `${channels}`, '--multifd-compression', compression];
  const receiving = command([
    'receive',
    'tcp:127.0.0.1:0',
    target ?? 'memory',
    ...common,
    ...host(args),
    '--max-ram',
    '1T',
  ]);
  try {
    const address = await receiving.listening;
    const source = image === undefined ? `demo:${size},zero=1` : `raw:${image}`;
    const levels = level === undefined ? [] : [`--multifd-${compression}-level`, `${level}`];
    const sending = ['migrate', source, address, ...common, '--zero-page-detection', detection];
    const start = () => command([...sending, ...levels, ...args]);
    const migrating = await warmUntilConnected(touches, receiving.child, start);
    const [sent, received] = await Promise.all([migrating.document, receiving.document]);
    return {
      ms: sent['total-time'],
      setup: sent['setup-time'],
      downtime: sent.downtime,
      transferred: sent.ram.transferred,
      cpu: { source: sent['cpu-time'].source, destination: received['cpu-time'].destination },
      peakRss: { source: sent['peak-rss'].source, destination: received['peak-rss'].destination },
      huge: received.memory?.['huge-pages'] ?? null,
      accelerator: sent.accelerator.name,
      ...(compression === 'auto' ? { chosen: sent.compression.chosen?.name ?? 'nothing' } : {}),
    };
  } finally {
    receiving.child.kill('SIGKILL');
  }
}

function host(args) {
  const at = args.indexOf('--host');
  return at < 0 ? [] : args.slice(at, at + 2);
}
