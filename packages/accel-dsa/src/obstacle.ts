import { userInfo } from 'node:os';
import type { CpuFeatures } from './binding.js';
import type { Found, Roots, WorkQueue } from './sysfs.js';

/** Entries of a queue that nobody has given any. */
const ENTRIES = 16;

/** Why something cannot be used, and the line that mends it. */
export interface Obstacle {
  readonly reason: string;
  readonly fix: string;
}

/** Why there is no queue at all. */
export function noQueue(found: Found | undefined, { sysfs }: Roots): Obstacle {
  if (found === undefined) {
    return {
      reason: `the kernel shows no accelerator of this kind (there is no ${sysfs})`,
      fix: 'on a Xeon with DSA (4th generation or newer): modprobe idxd; in a virtual machine the host has to pass one through',
    };
  }
  const [device] = found.devices;
  if (device === undefined) {
    return {
      reason: `there is no DSA in ${sysfs}`,
      fix: 'on a Xeon with DSA (4th generation or newer): enable it in the firmware, then modprobe idxd',
    };
  }
  return {
    reason: `${device} has no work queue`,
    fix: 'reload its driver: modprobe -r idxd && modprobe idxd',
  };
}

/**
 * What is in the way of one queue; undefined if this user can use it.
 * @param cpu undefined if that is not known.
 */
export function obstacleOf(queue: WorkQueue, cpu: CpuFeatures | undefined): Obstacle | undefined {
  const { id, device, type, mode, path } = queue;
  const wq = `${device}/${id}`;
  if (queue.deviceState === 'enabled' && !queue.hasPasid) {
    return {
      reason: `the IOMMU does not translate a process's addresses for ${device} (pasid_enabled is 0)`,
      fix: 'start the kernel with intel_iommu=on,sm_on',
    };
  }
  if (type !== 'user') {
    const what = type === '' || type === 'none' ? 'has no type' : `is of type ${type}`;
    return { reason: `${id} ${what}, and has to be of type user`, fix: configured(queue, wanted(cpu)) };
  }
  if (queue.size < 1) return { reason: `${id} has no entries`, fix: configured(queue, wanted(cpu)) };
  if (queue.deviceState !== 'enabled') {
    return {
      reason: `${device} is not enabled`,
      fix: `accel-config enable-device ${device} && accel-config enable-wq ${wq}`,
    };
  }
  if (queue.state !== 'enabled') {
    return { reason: `${id} is not enabled`, fix: `accel-config enable-wq ${wq}` };
  }
  if (mode !== 'shared' && mode !== 'dedicated') {
    return { reason: `${id} has the mode ${JSON.stringify(mode)}`, fix: configured(queue, wanted(cpu)) };
  }
  const instruction = mode === 'shared' ? 'ENQCMD' : 'MOVDIR64B';
  if (cpu !== undefined && !(mode === 'shared' ? cpu.enqcmd : cpu.movdir64b)) {
    const other = mode === 'shared' ? 'dedicated' : 'shared';
    return { reason: `${id} is ${mode}, and this CPU has no ${instruction}`, fix: configured(queue, other) };
  }
  if (queue.access === 'absent') {
    return { reason: `there is no ${path}`, fix: `give a container the device: --device ${path}` };
  }
  if (queue.access === 'allowed') return undefined;
  return { reason: `this user may not open ${path}`, fix: `setfacl -m u:${userName()}:rw ${path}` };
}

function wanted(cpu: CpuFeatures | undefined): 'shared' | 'dedicated' {
  return cpu?.enqcmd === false ? 'dedicated' : 'shared';
}

/**
 * From what is there to a queue that works. Size and group can be set only while the device is off, which would end the
 * work of all of its queues: so they are left as they are if there is a size.
 */
function configured(
  { id, device, deviceState, state, size }: WorkQueue,
  mode: 'shared' | 'dedicated',
): string {
  const [number] = id.slice('wq'.length).split('.');
  const wq = `${device}/${id}`;
  const isOn = deviceState === 'enabled';
  const isWhole = isOn && size > 0;
  const entries = isWhole ? size : ENTRIES;
  const whole = isWhole ? '' : ` --group-id=0 --wq-size=${entries} --priority=10`;
  const threshold = mode === 'shared' ? ` --threshold=${entries}` : '';
  return [
    ...(state === 'enabled' ? [`disable-wq ${wq}`] : []),
    ...(isOn && !isWhole ? [`disable-device ${device}`] : []),
    ...(isWhole ? [] : [`config-engine ${device}/engine${number}.0 --group-id=0`]),
    `config-wq ${wq}${whole} --type=user --driver-name=user --name=multifd --mode=${mode}${threshold} --max-batch-size=1024 --block-on-fault=0`,
    ...(isWhole ? [] : [`enable-device ${device}`]),
    `enable-wq ${wq}`,
  ]
    .map((command) => `accel-config ${command}`)
    .join(' && ');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as in containers.
    return String(process.getuid?.() ?? '$USER');
  }
}
