import { type DeviceSection, MultifdError } from '@multifd/core';

/** The demo guest's whole state outside its RAM: with it the vCPU goes on anywhere as if nothing had happened. */
export interface VcpuState {
  /** 0 to 2^32-1. */
  readonly seed: number;
  /** Writes made so far. */
  readonly counter: number;
  /** Bytes a second. */
  readonly rate: number;
  /** False: an operator has stopped it, and it is to stand still where it arrives. */
  readonly runs: boolean;
}

export const VCPU_IDSTR = 'demo-vcpu';
const VERSION = 2;
const BODY_SIZE = 32;

/** The state as a device section: u64 seed, u64 counter, u64 rate, u64 runs (0 or 1), big-endian as in QEMU's own sections. */
export function encodeVcpuState(state: VcpuState): DeviceSection {
  const body = Buffer.alloc(BODY_SIZE);
  body.writeBigUInt64BE(BigInt(state.seed), 0);
  body.writeBigUInt64BE(BigInt(state.counter), 8);
  body.writeBigUInt64BE(BigInt(state.rate), 16);
  body.writeBigUInt64BE(state.runs ? 1n : 0n, 24);
  return { idstr: VCPU_IDSTR, instanceId: 0, versionId: VERSION, body };
}

/**
 * The demo vCPU's state among the devices that came; undefined for another guest.
 * @throws MultifdError `protocol` for a section of that name that cannot be read.
 */
export function findVcpuState(sections: readonly DeviceSection[]): VcpuState | undefined {
  const section = sections.find((each) => each.idstr === VCPU_IDSTR);
  if (section === undefined) return undefined;
  if (section.versionId !== VERSION || section.body.length !== BODY_SIZE) {
    throw new MultifdError(
      'protocol',
      `device ${VCPU_IDSTR}: version ${section.versionId} with ${section.body.length} bytes is not understood`,
    );
  }
  const body = Buffer.from(section.body);
  const [seed = 0, counter = 0, rate = 0, runs = 0] = [0, 8, 16, 24].map((at) =>
    Number(body.readBigUInt64BE(at)),
  );
  const isInRange = [seed, counter, rate].every(Number.isSafeInteger) && seed < 2 ** 32 && runs <= 1;
  if (isInRange) return { seed, counter, rate, runs: runs === 1 };
  throw new MultifdError('protocol', `device ${VCPU_IDSTR}: its state is out of range`);
}
