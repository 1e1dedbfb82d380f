import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { checkThreads, MultifdError, type Probe } from '@multifd/core/accelerator';
import type { AdapterKind } from './protocol.js';

/**
 * More threads than a device needs: 8 were enough with two cores (lavapipe), where this asks for 11. With more cores Dawn and
 * the driver start more; how many was not measured, so it is two for each of 32 at most.
 */
const MOST_CORES = 32;
const BESIDE_CORES = 7;

type Refusal = Extract<Probe, { ok: false }>;

/**
 * What can be seen to be missing in a moment, before a device is opened for real: that takes a tenth of a second and
 * more, and has Vulkan print warnings where there is nothing to be found.
 * @returns undefined if nothing is seen to be missing.
 */
export function missing(adapter: AdapterKind): Refusal | undefined {
  if (!isInstalled('webgpu')) {
    return {
      ok: false,
      reason: 'the package webgpu is not installed',
      fix: 'it is 130 MB, and so not part of multifd; install it where multifd is: npm install webgpu@0.6, with --global if multifd was installed so',
    };
  }
  if (process.platform !== 'linux') return undefined;
  if (adapter === 'hardware' && !hasDeviceNode()) {
    return {
      ok: false,
      reason: 'no graphics device in /dev (dri/renderD*, nvidia*, dxg)',
      fix: 'on a machine with a card: install its driver, and give a container its device; on software: gpu:software',
    };
  }
  if (hasVulkanDriver()) return tooFewThreads();
  return {
    ok: false,
    reason: 'no Vulkan driver is installed (no manifest in /usr/share/vulkan/icd.d, nor in VK_DRIVER_FILES)',
    fix:
      adapter === 'hardware'
        ? "install the card's Vulkan driver, and try: vulkaninfo --summary"
        : 'install a software Vulkan: Mesa 25 or later, package mesa-vulkan-drivers (lavapipe)',
  };
}

/** Dawn and Mesa start threads of their own, and end the process where they cannot. */
function tooFewThreads(): Refusal | undefined {
  try {
    checkThreads(BESIDE_CORES + 2 * Math.min(availableParallelism(), MOST_CORES));
    return undefined;
  } catch (error) {
    const { message, hint } = MultifdError.from(error, 'io', 'threads of the driver');
    return { ok: false, reason: message, fix: hint ?? 'allow more threads' };
  }
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function hasDeviceNode(): boolean {
  return (
    namesIn('/dev/dri').some((name) => name.startsWith('renderD')) ||
    namesIn('/dev').some((name) => /^nvidia\d+$|^dxg$/.test(name))
  );
}

/** Where the Vulkan loader looks for drivers. */
function hasVulkanDriver(): boolean {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES, XDG_DATA_HOME, XDG_DATA_DIRS } =
    process.env;
  const only = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  if (only !== undefined && only !== '') return only.split(':').some((path) => existsSync(path));
  if (VK_ADD_DRIVER_FILES?.split(':').some((path) => existsSync(path))) return true;
  const roots = [
    '/etc',
    '/usr/local/etc',
    XDG_DATA_HOME ?? join(homedir(), '.local/share'),
    ...(XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
  ];
  return roots.some((root) => namesIn(join(root, 'vulkan/icd.d')).some((name) => name.endsWith('.json')));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
