import { type DeviceSection, MultifdError } from '@multifd/core';

/** The demo guest's whole state outside its RAM: with it the vCPU goes on anywhere as if nothing had happened. */
export interface VcpuState {
  /** 0 to 2^32-1. */
  readonly seed: number;
  /** Writes made so far. */
  readonly counter: number;
  /** Bytes a second. */
  readonly rate: number;
}

export const VCPU_IDSTR = 'demo-vcpu';
const VERSION = 1;
const BODY_SIZE = 24;

/** The state as a device section: u64 seed, u64 counter, u64 rate, big-endian as in QEMU's own sections. */
export function encodeVcpuState(state: VcpuState): DeviceSection {
  const body = Buffer.alloc(BODY_SIZE);
  body.writeBigUInt64BE(BigInt(state.seed), 0);
  body.writeBigUInt64BE(BigInt(state.counter), 8);
  body.writeBigUInt64BE(BigInt(state.rate), 16);
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
  const state = {
    seed: Number(body.readBigUInt64BE(0)),
    counter: Number(body.readBigUInt64BE(8)),
    rate: Number(body.readBigUInt64BE(16)),
  };
  if (Object.values(state).every(Number.isSafeInteger) && state.seed < 2 ** 32) return state;
  throw new MultifdError('protocol', `device ${VCPU_IDSTR}: its state is out of range`);
}
