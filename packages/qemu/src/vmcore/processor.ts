import type { DecodedDevice } from '../inspect/devices.js';
import { Fields } from './fields.js';

/** HF_LMA_MASK of QEMU: the processor is in long mode. */
const LONG_MODE = 1n << 14n;
/** The order of `env.segs`. */
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

/** A segment register, or a table register. */
export interface Segment {
  readonly selector: number;
  readonly limit: number;
  readonly flags: number;
  readonly base: bigint;
}

type SegmentName = (typeof SEGMENTS)[number] | 'ldt' | 'tr' | 'gdt' | 'idt';

/** The registers of an x86 processor that a dump has. */
export interface Processor {
  /** `cpu_index` of QEMU, from 0. */
  readonly index: number;
  readonly longMode: boolean;
  /** rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15: the processor's own order. */
  readonly registers: readonly bigint[];
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly segments: Readonly<Record<SegmentName, Segment>>;
  /** CR0 to CR4; CR1 does not exist. */
  readonly control: readonly bigint[];
  readonly kernelGsBase: bigint;
}

/**
 * The processors of a guest, in the order of the stream.
 * @throws MultifdError `incompatible` for one that is not as QEMU has it.
 */
export function processorsOf(devices: readonly DecodedDevice[]): Processor[] {
  return devices.filter(({ name }) => name === 'cpu').map(processor);
}

function processor({ name, instanceId, state }: DecodedDevice): Processor {
  const fields = new Fields(`${name} ${instanceId}`, state);
  const registers = fields.numbers('env.regs');
  const [es, cs, ss, ds, fs, gs] = fields.structs('env.segs').map(segment);
  const none = { selector: 0, limit: 0, flags: 0, base: 0n };
  const other = (which: string): Segment => segment(fields.struct(which));
  return {
    index: instanceId,
    longMode: (fields.number('env.hflags') & LONG_MODE) !== 0n,
    registers: Array.from({ length: 16 }, (_, at) => registers[at] ?? 0n),
    rip: fields.number('env.eip'),
    rflags: fields.number('env.eflags'),
    segments: {
      es: es ?? none,
      cs: cs ?? none,
      ss: ss ?? none,
      ds: ds ?? none,
      fs: fs ?? none,
      gs: gs ?? none,
      ldt: other('env.ldt'),
      tr: other('env.tr'),
      gdt: other('env.gdt'),
      idt: other('env.idt'),
    },
    control: [
      fields.number('env.cr[0]'),
      0n,
      fields.number('env.cr[2]'),
      fields.number('env.cr[3]'),
      fields.number('env.cr[4]'),
    ],
    kernelGsBase: fields.numberOrZero('env.kernelgsbase'),
  };
}

function segment(fields: Fields): Segment {
  const word = (name: string): number => Number(BigInt.asUintN(32, fields.number(name)));
  return {
    selector: word('selector'),
    limit: word('limit'),
    flags: word('flags'),
    base: fields.number('base'),
  };
}
