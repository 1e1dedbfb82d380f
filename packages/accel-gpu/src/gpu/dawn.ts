import type { AdapterKind } from '../protocol.js';

/** Why there is no device, and what to do. */
export class NoDevice extends Error {
  readonly fix: string;

  constructor(reason: string, fix: string, options?: ErrorOptions) {
    super(reason, options);
    this.fix = fix;
  }
}

/** Where Dawn's objects are kept, for the life of the thread: once one of them is garbage, so is the process. */
const KEPT = Symbol.for('multifd.accel-gpu');

export function keep(...objects: readonly object[]): void {
  const kept: unknown = Reflect.get(globalThis, KEPT);
  Reflect.set(globalThis, KEPT, [...(Array.isArray(kept) ? kept : []), ...objects]);
}

export interface OpenAdapter {
  readonly adapter: GPUAdapter;
  readonly kind: AdapterKind;
  /** As its driver calls it. */
  readonly name: string;
}

/** How Dawn is asked: it prefers a card, and knows lavapipe by its name only. */
const WAYS: Readonly<Record<AdapterKind, readonly (readonly string[])[]>> = {
  hardware: [[]],
  software: [[], ['adapter=llvmpipe'], ['adapter=SwiftShader']],
};

/**
 * Opens Dawn and asks for an adapter of one kind and no other: software does not stand in for a card, nor a card for
 * software.
 * @throws NoDevice
 */
export async function openAdapter(kind: AdapterKind): Promise<OpenAdapter> {
  const create = await loadDawn();
  let other: string | undefined;
  for (const options of WAYS[kind]) {
    const adapter = await requestAdapter(create([...options]));
    if (adapter === null) continue;
    const name = nameOf(adapter.info);
    if ((isSoftware(adapter.info) ? 'software' : 'hardware') === kind) return { adapter, kind, name };
    other ??= name;
  }
  if (kind === 'hardware') {
    throw other === undefined
      ? new NoDevice(
          'the driver shows no graphics device',
          "install the card's Vulkan driver, and try: vulkaninfo --summary",
        )
      : new NoDevice(
          `the only adapter is software (${other}), and no graphics card`,
          "install the card's Vulkan driver; to run on software all the same: gpu:software",
        );
  }
  throw new NoDevice(
    other === undefined ? 'no software adapter is installed' : `no software adapter beside ${other}`,
    'install a software Vulkan: Mesa 25 or later (lavapipe)',
  );
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  keep(gpu);
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter !== null) keep(adapter);
    return adapter;
  } catch {
    // Dawn throws where nothing has the name that was asked for.
    return null;
  }
}

async function loadDawn(): Promise<(options: string[]) => GPU> {
  try {
    return (await import('webgpu')).create;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new NoDevice(
      `the package webgpu cannot be loaded: ${text.split('\n')[0]}`,
      'install it for this system, where multifd is: npm install webgpu@0.6',
      { cause },
    );
  }
}

/** What Dawn says, and in case a driver is modest about it, the names of those that are known. */
function isSoftware(info: GPUAdapterInfo): boolean {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|software|basic render|\bwarp\b/i.test(names)
  );
}

function nameOf({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const name = description || [vendor, architecture, device].filter((each) => each !== '').join(' ');
  return name.replace(/[^\x20-\x7e]+/g, ' ').trim() || 'a device without a name';
}
