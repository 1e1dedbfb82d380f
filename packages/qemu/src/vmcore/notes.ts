import type { Processor, Segment } from './processor.js';

const NT_PRSTATUS = 1;
const CPU_STATE_VERSION = 1;
/** Bytes of QEMUCPUState: version, size, 18 registers, 10 segments, CR0 to CR4, the kernel's GS base. */
const CPU_STATE_SIZE = 440;
/** Bytes of Linux's struct elf_prstatus, and where its pid and its registers are. */
const PRSTATUS_64 = { size: 336, pid: 32, registers: 112 } as const;
const PRSTATUS_32 = { size: 144, pid: 24, registers: 72 } as const;

/**
 * The notes of all processors, in QEMU's order: NT_PRSTATUS of each, then QEMU's own of each.
 * @param longMode of the first processor, after which QEMU forms the notes of all.
 */
export function processorNotes(processors: readonly Processor[], longMode: boolean): Uint8Array {
  const prstatus = longMode ? prstatus64 : prstatus32;
  return new Uint8Array(
    Buffer.concat([
      ...processors.map((each) => note('CORE', NT_PRSTATUS, prstatus(each))),
      ...processors.map((each) => note('QEMU', 0, cpuState(each))),
    ]),
  );
}

/** An ELF note. The name gets a NUL, and both are filled up to 4 bytes. */
export function note(name: string, type: number, description: Uint8Array): Uint8Array {
  const nameSize = name.length + 1;
  const at = 12 + roundUp(nameSize);
  const bytes = new Uint8Array(at + roundUp(description.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, nameSize, true);
  view.setUint32(4, description.length, true);
  view.setUint32(8, type, true);
  bytes.set(Buffer.from(name, 'latin1'), 12);
  bytes.set(description, at);
  return bytes;
}

export function roundUp(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function prstatus64({ index, registers, rip, rflags, segments }: Processor): Uint8Array {
  const bytes = new Uint8Array(PRSTATUS_64.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(PRSTATUS_64.pid, index + 1, true);
  const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = registers;
  const { cs, ss, ds, es, fs, gs } = segments;
  // user_regs_struct of Linux. orig_rax is what only a system call has.
  const general = [r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, 0n];
  const rest = [
    rip,
    selector(cs),
    rflags,
    rsp,
    selector(ss),
    fs.base,
    gs.base,
    ...[ds, es, fs, gs].map(selector),
  ];
  put64(view, PRSTATUS_64.registers, [...general, ...rest]);
  return bytes;
}

function prstatus32({ index, registers, rip, rflags, segments }: Processor): Uint8Array {
  const bytes = new Uint8Array(PRSTATUS_32.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(PRSTATUS_32.pid, index + 1, true);
  const [eax, ecx, edx, ebx, esp, ebp, esi, edi] = registers;
  const { cs, ss, ds, es, fs, gs } = segments;
  const values = [ebx, ecx, edx, esi, edi, ebp, eax, ...[ds, es, fs, gs].map(selector16), 0n];
  const rest = [rip, selector16(cs), rflags, esp, selector16(ss)];
  [...values, ...rest].forEach((value = 0n, at) => {
    view.setUint32(PRSTATUS_32.registers + 4 * at, Number(BigInt.asUintN(32, value)), true);
  });
  return bytes;
}

/** QEMUCPUState of QEMU's target/i386/arch_dump.c. */
function cpuState({ registers, rip, rflags, segments, control, kernelGsBase }: Processor): Uint8Array {
  const bytes = new Uint8Array(CPU_STATE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CPU_STATE_VERSION, true);
  view.setUint32(4, CPU_STATE_SIZE, true);
  const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, ...others] = registers;
  let at = put64(view, 8, [rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, ...others, rip, rflags]);
  const { cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt } = segments;
  for (const each of [cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt]) {
    view.setUint32(at, each.selector, true);
    view.setUint32(at + 4, each.limit, true);
    view.setUint32(at + 8, each.flags, true);
    at = put64(view, at + 16, [each.base]);
  }
  put64(view, at, [...control, kernelGsBase]);
  return bytes;
}

/** @returns the offset behind them. */
function put64(view: DataView, offset: number, values: readonly (bigint | undefined)[]): number {
  values.forEach((value = 0n, at) => {
    view.setBigUint64(offset + 8 * at, value, true);
  });
  return offset + 8 * values.length;
}

function selector({ selector: value }: Segment): bigint {
  return BigInt(value);
}

/** 16 bits in a field of 32. */
function selector16({ selector: value }: Segment): bigint {
  return BigInt(value & 0xffff);
}
