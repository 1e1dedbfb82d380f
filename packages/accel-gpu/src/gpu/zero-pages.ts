/** Threads that look at one page together, next to each other in memory: 16 of 16 bytes read 256 bytes at once. */
export const LANES = 16;

/** Threads of a workgroup: four pages. */
export const WORKGROUP = 64;

/** Words of an answer before its bitmap: the batch's number, and how many pages were looked at. */
export const PROOF_WORDS = 2;

/**
 * The check. The answer starts as zeros; its bitmap says which pages are used, so a page that nobody has looked at would
 * pass for zero: hence the proof, which says that this batch, and each of its pages, was.
 */
export const ZERO_PAGES = /* wgsl */ `
struct Batch {
  number : u32,
  pages : u32,
  vectorsPerPage : u32,
  unused : u32,
}
@group(0) @binding(0) var<uniform> batch : Batch;
@group(0) @binding(1) var<storage, read> memory : array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> answer : array<atomic<u32>>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let page = id.x / ${LANES}u;
  let lane = id.x % ${LANES}u;
  if (page >= batch.pages) { return; }
  let first = page * batch.vectorsPerPage;
  var seen = vec4<u32>(0u);
  for (var i = lane; i < batch.vectorsPerPage; i += ${LANES}u) {
    seen |= memory[first + i];
  }
  if (any(seen != vec4<u32>(0u))) {
    atomicOr(&answer[${PROOF_WORDS}u + page / 32u], 1u << (page % 32u));
  }
  if (lane == 0u) {
    atomicStore(&answer[0], batch.number);
    atomicAdd(&answer[1], 1u);
  }
}
`;
