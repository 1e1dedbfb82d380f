/**
 * A vCPU: a thread that writes to the guest's memory, and keeps all that it knows there. So a guest that goes on elsewhere
 * with the wrong memory shows.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { DirtyBitmap, openRamBlock, type RamBlock } from '@multifd/core/ram';
import { createRandom } from '@multifd/testing/random';
import { MODE, RUN, STAND, STOOD, type VcpuSetup } from './vcpu-setup.ts';

const PAGE = 4096;
const { ram, control, burst }: VcpuSetup = workerData;
const blocks = await Promise.all(ram.blocks.map(openRamBlock));
const bitmaps = ram.dirty?.map((buffer, index) => new DirtyBitmap(buffer, pagesOf(index)));
const pages = blocks.reduce((sum, { length }) => sum + length / PAGE, 0);
/** Of the first page: the number of writes so far, twice. */
const counters = new Uint32Array(page(0).buffer, page(0).byteOffset, 2);

parentPort?.postMessage(Atomics.load(counters, 0) === Atomics.load(counters, 1) ? 'ready' : 'torn');
for (let mode = Atomics.load(control, MODE); ; mode = Atomics.load(control, MODE)) {
  if (mode === RUN) {
    for (let each = 0; each < burst; each++) write();
    Atomics.wait(control, MODE, RUN, 1);
  } else {
    Atomics.store(control, STOOD, 1);
    Atomics.notify(control, STOOD);
    if (mode !== STAND) break;
    Atomics.wait(control, MODE, STAND);
    Atomics.store(control, STOOD, 0);
  }
}
for (const block of blocks) block.close();

function pagesOf(index: number): number {
  return (ram.blocks[index]?.length ?? 0) / PAGE;
}

/** A page of all blocks in a row. */
function page(number: number): Uint8Array {
  const { block, index } = find(number);
  const window = block.window(index * PAGE, PAGE);
  if (window === undefined) throw new Error(`RAM block ${block.name} is not in memory`);
  return window;
}

function find(number: number): { readonly block: RamBlock; readonly at: number; readonly index: number } {
  let index = number;
  for (const [at, block] of blocks.entries()) {
    if (index < block.length / PAGE) return { block, at, index };
    index -= block.length / PAGE;
  }
  throw new Error(`no page ${number}`);
}

/** Content, zeros, or one word of a page; which one depends on the number of writes alone. */
function write(): void {
  const count = Atomics.load(counters, 0) + 1;
  const random = createRandom(count);
  if (pages > 1) {
    const number = 1 + random.int(pages - 1);
    const target = page(number);
    const kind = random.int(4);
    if (kind === 0) target.fill(0);
    else if (kind === 1) target[random.int(PAGE)] = random.int(256);
    else target.fill(random.int(256), random.int(PAGE / 2));
    mark(number);
  }
  Atomics.store(counters, 0, count);
  Atomics.store(counters, 1, count);
  mark(0);
}

function mark(number: number): void {
  if (bitmaps === undefined) return;
  const { at, index } = find(number);
  bitmaps[at]?.mark(index);
}
