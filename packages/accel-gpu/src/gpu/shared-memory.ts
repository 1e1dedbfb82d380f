/**
 * Whether a device may read shared memory in place. On Node before 22.21, and from 24.0 to
 * 24.8, `writeBuffer` of a view of a SharedArrayBuffer ends the process (SIGSEGV in Dawn's copy; seen with webgpu 0.6.2 on
 * ten versions up to these, and on none of six behind them).
 * @param version as `process.versions.node` has it.
 */
export function takesSharedMemory(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 22) return minor >= 21;
  if (major === 24) return minor >= 9;
  return major > 24;
}
