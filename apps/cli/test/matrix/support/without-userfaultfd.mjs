/**
 * Runs a Node program in which userfaultfd is forbidden, as the seccomp profile of a container does: the system call
 * fails with EPERM, here and in every child. `node without-userfaultfd.mjs PROGRAM ARGUMENT…`
 */
import { spawnSync } from 'node:child_process';
import koffi from 'koffi';

/** Numbers of the system calls, by architecture: `userfaultfd`, `ioctl`. */
const CALLS = { x64: [323, 16, 317], arm64: [282, 29, 277] }[process.arch];
if (CALLS === undefined) throw new Error(`no numbers of system calls for ${process.arch}`);
const [USERFAULTFD, IOCTL, SECCOMP] = CALLS;
/** USERFAULTFD_IOC_NEW: the other way to one, through /dev/userfaultfd. */
const IOC_NEW = 0xaa00;

const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
/** For every thread of this process: which of them starts the child is not known. */
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;

/** One instruction of a filter: code, jump if true, jump if false, constant (linux/filter.h). */
const filter = [
  [0x20, 0, 0, 0], // load the number of the call
  [0x15, 3, 0, USERFAULTFD], // userfaultfd: refuse
  [0x15, 0, 3, IOCTL], // not ioctl: allow
  [0x20, 0, 0, 24], // load its second argument
  [0x15, 0, 1, IOC_NEW], // not that one: allow
  [0x06, 0, 0, EPERM],
  [0x06, 0, 0, ALLOW],
];
const code = Buffer.alloc(filter.length * 8);
for (const [index, [operation, yes, no, constant]] of filter.entries()) {
  code.writeUInt16LE(operation, index * 8);
  code.writeUInt8(yes, index * 8 + 2);
  code.writeUInt8(no, index * 8 + 3);
  code.writeUInt32LE(constant, index * 8 + 4);
}

koffi.struct('Program', { length: 'uint16', code: 'uint8 *' });
const libc = koffi.load(null);
const prctl = libc.func('int prctl(int, long, long, long, long)');
const seccomp = libc.func('long syscall(long, uint, uint, Program *)');
const userfaultfd = libc.func('long syscall(long, int)');
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('no PR_SET_NO_NEW_PRIVS');
if (
  seccomp(SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, { length: filter.length, code }) !== 0
) {
  throw new Error('the filter was refused');
}
if (userfaultfd(USERFAULTFD, 0) !== -1) throw new Error('userfaultfd is still allowed');

const { status, signal } = spawnSync(process.execPath, process.argv.slice(2), { stdio: 'inherit' });
if (signal !== null) process.kill(process.pid, signal);
process.exitCode = status ?? 1;
