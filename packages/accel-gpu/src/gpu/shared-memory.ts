/**
 * Whether a device may read shared memory in place. The binding asks Node where a view's bytes are, and Node before 22.21, and
 * from 24.0 to 24.8, gives it a wrong address for a view of a SharedArrayBuffer: the process ends with SIGSEGV (each
 * version tried, with webgpu 0.6.2).
 * @param version as `process.versions.node` has it.
 */
export function takesSharedMemory(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 22) return minor >= 21;
  if (major === 24) return minor >= 9;
  return major > 24;
}
