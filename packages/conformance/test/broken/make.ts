import type { Accelerator, AcceleratorCapabilities, Detector, PageBatch } from '@multifd/core/accelerator';

export const CAPABILITIES: AcceleratorCapabilities = {
  pageSize: { min: 4096, max: 65536 },
  preferredBatch: 128,
};

/** An accelerator whose detectors are made by `open`, and all else is right. */
export function accelerator(
  name: string,
  open: (pageSize: number) => Detector,
  rest: Partial<Accelerator> = {},
): Accelerator {
  return {
    specVersion: 2,
    name,
    capabilities: CAPABILITIES,
    probe: () => ({ ok: true, detail: 'runs in this test' }),
    open: ({ pageSize }) => open(pageSize),
    ...rest,
  };
}

/** One that asks `isZero` page by page. */
export function pageByPage(
  name: string,
  isZero: (memory: Uint8Array, offset: number, pageSize: number) => boolean,
): Accelerator {
  return accelerator(name, (pageSize) => ({
    detect({ memory, offsets, count }, answers) {
      for (let i = 0; i < count; i++) answers[i] = isZero(memory, offsets[i] ?? 0, pageSize) ? 1 : 0;
    },
    close() {},
  }));
}

export function rightAnswers({ memory, offsets, count }: PageBatch, pageSize: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) =>
    rightAnswer(memory, offsets[i] ?? 0, pageSize) ? 1 : 0,
  );
}

const zeros = Buffer.alloc(65536);

export function rightAnswer(memory: Uint8Array, offset: number, pageSize: number): boolean {
  return zeros.compare(memory, offset, offset + pageSize, 0, pageSize) === 0;
}
